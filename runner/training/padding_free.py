"""Padding-free passes: the rows of a pass are concatenated to one sequence.

Position ids restart at 0 for each row. Attention keeps the rows apart: by their bounds where it is
computed by a kernel for rows of different lengths, else by a mask that transformers builds from the
positions (`find_packed_sequence_indices` in its `masking_utils.py`).

Passes that are replayed from CUDA graphs are filled up to one of a few sizes: with blank rows that
are not scored and that no other row sees. Their position ids are all 0, since some rotary
embeddings are scaled by the greatest one of a pass (`longrope`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from planner.data.tokens import layout
from planner.data.tokens.example import IGNORED
from runner.training.scored import positions

Row = Mapping[str, Sequence[int]]
"""`input_ids` and `labels`; of a blank row `position_ids`, too."""
Tokens = NDArray[np.int64]
BLANK_TOKENS = 2
"""Of a pass without rows: torch compiles code for one token by itself."""


@dataclass(frozen=True)
class PaddingFree:
    """Lays out the rows of a step in passes, as a trainer's `data_collator`."""

    most_tokens: int
    """Tokens of a pass, at most."""
    longest: int
    """Tokens of the longest row of the run, which flash attention wants to know."""
    bounded: bool
    """Whether attention reads the bounds of rows."""
    sizes: tuple[int, ...] = ()
    """Tokens that passes are filled up to, ascending; empty for passes of their own sizes."""
    most_rows: int = 0
    """Rows of a pass, at most, blank ones included; then all passes have as many bounds, of which
    the last ones are of rows without tokens. 0 for the bounds of their own rows."""
    chosen: bool = False
    """Whether the decoder takes the positions to score (`scored.Scored`)."""
    rank: int = 0
    """Whose passes of a step these are."""
    ranks: int = 1
    """Processes that share a step: each has as many passes."""

    def __call__(self, rows: Sequence[Row]) -> dict[str, Any]:
        """Divide the rows of a step, those of all ranks, into passes.

        Return `input_ids`, `labels` and `position_ids`, each of shape (1, tokens of this rank);
        `cuts`, where each pass ends; `bounds`, of each pass the positions between its rows: int32,
        of shape (rows + 1,); `scored`, of each pass what `scored.positions` returns; `blank`, of
        each pass whether it has no rows; `with_rows`, the passes of all ranks that have some; and
        `own`, the tokens of the step of all ranks, without blank rows."""
        lengths = [len(row["input_ids"]) for row in rows]
        step = layout.passes(lengths, self.most_tokens, self.ranks)
        laid = layout.of_rank(step, self.rank, self.ranks)
        filled = [self._filled([rows[at] for at in one]) for one in laid]
        every = [row for one in filled for row in one]
        edges = [self._edges([len(row["input_ids"]) for row in one]) for one in filled]
        labels = [np.concatenate([_scored(row) for row in one]) for one in filled]
        return {
            "input_ids": _sequence([np.asarray(row["input_ids"]) for row in every]),
            "labels": _sequence(labels),
            "position_ids": _sequence([_positions(row) for row in every]),
            "cuts": tuple(accumulate(one[-1] for one in edges)),
            "bounds": [torch.tensor(one, dtype=torch.int32) for one in edges],
            "scored": [positions(one) for one in labels],
            "blank": tuple(not one for one in laid),
            "with_rows": sum(map(bool, step)),
            "own": sum(lengths),
        }

    def _filled(self, rows: list[Row]) -> list[Row]:
        """Return a pass's rows with blank ones up to its size; `BLANK_TOKENS` where it has none."""
        tokens = sum(len(row["input_ids"]) for row in rows)
        missing = layout.size_of(tokens, self.sizes) - tokens or (not tokens) * BLANK_TOKENS
        blank = [min(self.longest, missing - at) for at in range(0, missing, self.longest)]
        return rows + [_blank(n) for n in blank]

    def _edges(self, lengths: Sequence[int]) -> list[int]:
        """Return the positions between rows of these lengths."""
        found = [0, *accumulate(lengths)]
        return found + [found[-1]] * (self.most_rows - len(lengths))

    def passes(self, step: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """Yield a step's passes as a model takes them."""
        first = 0
        names = ("input_ids", "labels", "position_ids")
        for last, bounds, scored in zip(step["cuts"], step["bounds"], step["scored"], strict=True):
            found = {name: step[name][:, first:last] for name in names}
            # compiled layers depend on the size and the strides of what a view is a part of
            kept = torch.contiguous_format
            found["position_ids"] = found["position_ids"].clone(memory_format=kept)
            found |= self._told(bounds) if self.bounded else {}
            if self.chosen:
                found |= {"scored": scored[0], "shift_labels": scored[1][None]}
                del found["labels"]
            yield found
            first = last

    def _told(self, bounds: torch.Tensor) -> dict[str, Any]:
        """Return the bounds by the names of transformers (`FlashAttentionKwargs`)."""
        return {
            "cu_seq_lens_q": bounds, "cu_seq_lens_k": bounds,
            "max_length_q": self.longest, "max_length_k": self.longest,
        }  # fmt: skip

    def tokens(self, step: Mapping[str, Any]) -> int:
        """Return the tokens of a step's rows."""
        return int(step["own"])


def _blank(tokens: int) -> Row:
    zeros = [0] * tokens
    return {"input_ids": zeros, "labels": [IGNORED] * tokens, "position_ids": zeros}


def _sequence(parts: Sequence[Tokens]) -> torch.Tensor:
    """Return integers one behind the other, of shape (1, their number)."""
    return torch.from_numpy(np.concatenate(parts))[None]


def _positions(row: Row) -> Tokens:
    if "position_ids" in row:
        return np.asarray(row["position_ids"])
    return np.arange(len(row["input_ids"]))


def _scored(row: Row) -> Tokens:
    """Return a row's labels. Its first token is not scored, since the token before it belongs to
    another row."""
    found = np.array(row["labels"])
    found[0] = IGNORED
    return found
