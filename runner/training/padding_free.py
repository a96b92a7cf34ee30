"""Padding-free passes: the rows of a pass are concatenated to one sequence.

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


@dataclass(frozen=True)
class PaddingFree:
    """Lays out the rows of a step in passes, as a trainer's `data_collator`."""

    most_tokens: int
    """Tokens of a pass, at most."""
    longest: int
    """Tokens of the longest row of the run, which flash attention wants to know."""
    bounded: bool
    """Whether attention reads the bounds of rows."""

    def __call__(self, rows: Sequence[Row]) -> dict[str, Any]:
        """Return `input_ids`, `labels` and `position_ids`, each of shape (1, tokens of the step);
        `cuts`, where each pass ends; and `bounds`, of each pass the positions between its rows:
        int32, of shape (rows + 1,)."""
        lengths = [len(row["input_ids"]) for row in rows]
        laid = layout.passes(lengths, self.most_tokens)
        every = [rows[at] for one in laid for at in one]
        edges = [[0, *accumulate(lengths[at] for at in one)] for one in laid]
        return {
            "input_ids": torch.tensor([[i for row in every for i in row["input_ids"]]]),
            "labels": torch.tensor([[i for row in every for i in _scored(row)]]),
            "position_ids": torch.tensor(
                [[i for row in every for i in range(len(row["input_ids"]))]]
            ),
            "cuts": tuple(accumulate(one[-1] for one in edges)),
            "bounds": [torch.tensor(one, dtype=torch.int32) for one in edges],
        }

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
        return {
            "cu_seq_lens_q": bounds, "cu_seq_lens_k": bounds,
            "max_length_q": self.longest, "max_length_k": self.longest,
        }  # fmt: skip

    def tokens(self, step: Mapping[str, Any]) -> int:
        """Return the tokens of a step's rows."""
        return int(step["cuts"][-1])


def _scored(row: Row) -> list[int]:
    """Return a row's labels. Its first token is not scored, since the token before it belongs to
    another row."""
    return [IGNORED, *row["labels"][1:]]
