"""Padding-free passes: the rows of a pass stand one behind the other, in one sequence.

Position ids restart at 0 for each row. Attention keeps the rows apart: by their bounds where it is
computed by a kernel for rows of different lengths, else by a mask that transformers builds from the
positions (`find_packed_sequence_indices` in its `masking_utils.py`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import torch

from planner.data.tokens import layout
from planner.data.tokens.example import IGNORED

Row = Mapping[str, Sequence[int]]
"""`input_ids` and `labels`."""
SIZES = 16
"""Different sizes of passes, about, where passes are filled up to a few sizes."""


@dataclass(frozen=True)
class PaddingFree:
    """Lays out the rows of a step in passes, as a trainer's `data_collator`."""

    most_tokens: int
    """Tokens of a pass, at most."""
    longest: int
    """Tokens of the longest row of the run: one number, so that kernels are compiled once."""
    bounded: bool
    """Whether attention reads the bounds of rows."""
    rows: int = 0
    """Rows of a step where every pass is filled up to one of `SIZES` sizes, with a row of which
    nothing is scored; 0 where passes have the tokens of their rows only."""

    def __call__(self, rows: Sequence[Row]) -> dict[str, Any]:
        """Return `input_ids`, `labels` and `position_ids`, each of shape (1, tokens of the step);
        `cuts`, where each pass ends; and `bounds`, of each pass the positions between its rows:
        int32, of shape (rows + 1,)."""
        lengths = [len(row["input_ids"]) for row in rows]
        passes = [[rows[at] for at in one] for one in layout.passes(lengths, self.most_tokens)]
        filled = [self._filled(one) for one in passes]
        every = [row for one in filled for row in one]
        edges = [[0, *accumulate(len(row["input_ids"]) for row in one)] for one in filled]
        return {
            "input_ids": torch.tensor([[i for row in every for i in row["input_ids"]]]),
            "labels": torch.tensor([[i for row in every for i in _scored(row)]]),
            "position_ids": torch.tensor(
                [[i for row in every for i in range(len(row["input_ids"]))]]
            ),
            "cuts": tuple(accumulate(one[-1] for one in edges)),
            "bounds": [torch.tensor(self._as_many(one), dtype=torch.int32) for one in edges],
            "tokens": sum(lengths),
        }

    @property
    def _unit(self) -> int:
        """The sizes of passes are multiples of it."""
        return -(-self.most_tokens // SIZES)

    def _filled(self, rows: list[Row]) -> list[Row]:
        """Return a pass's rows, with one more that fills it up."""
        missing = -sum(len(row["input_ids"]) for row in rows) % self._unit if self.rows else 0
        if not missing:
            return rows
        return [*rows, {"input_ids": [0] * missing, "labels": [IGNORED] * missing}]

    def _as_many(self, edges: list[int]) -> list[int]:
        """Return the bounds as many as of any pass, with empty rows at the end."""
        return edges + edges[-1:] * (self.rows + 2 - len(edges) if self.rows else 0)

    def passes(self, step: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield a step's passes as a model takes them."""
        first = 0
        for last, bounds in zip(step["cuts"], step["bounds"], strict=True):
            names = ("input_ids", "labels", "position_ids")
            found = {name: step[name][:, first:last] for name in names}
            yield found | (self._told(bounds) if self.bounded else {})
            first = last

    def _told(self, bounds: torch.Tensor) -> dict[str, Any]:
        """Return the bounds by the names of transformers (`FlashAttentionKwargs`)."""
        longest = max(self.longest, self._unit if self.rows else 0)
        return {
            "cu_seq_lens_q": bounds, "cu_seq_lens_k": bounds,
            "max_length_q": longest, "max_length_k": longest,
        }  # fmt: skip

    def tokens(self, step: Mapping[str, Any]) -> int:
        """Return the tokens of a step's rows."""
        return int(step["tokens"])


def _scored(row: Row) -> list[int]:
    """Return a row's labels. Its first token is not scored, since the token before it belongs to
    another row."""
    return [IGNORED, *row["labels"][1:]]
