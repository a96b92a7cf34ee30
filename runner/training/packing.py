"""The rows of a step, joined: the tensors of the step, and each pass's share of them.

A row is told from its neighbours by its positions, which begin at 0 with each: transformers makes a
mask of them (`find_packed_sequence_indices` in its `masking_utils.py`) under which no row sees
another. `tests/runner/training/test_packing.py` holds every family to that.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch

from planner.data.tokens.example import IGNORED
from planner.data.tokens.packing import packed

Tensors = dict[str, torch.Tensor]
Row = Mapping[str, Sequence[int]]
"""`input_ids` and `labels`."""


@dataclass(frozen=True)
class Packed:
    """Joins the rows of a step, as a trainer's `data_collator`."""

    pad_id: int
    """Stands where there is no row."""
    capacity: int
    """Tokens of a joined row, at most: those of the longest row."""

    def __call__(self, rows: Sequence[Row]) -> Tensors:
        """Return `input_ids`, `labels` and `position_ids`, each of shape (joined rows, tokens of
        the fullest). Padding has position 0 throughout."""
        joined = packed([len(row["input_ids"]) for row in rows], self.capacity)
        own = [_own(row) for row in rows]
        fill = {"input_ids": self.pad_id, "labels": IGNORED, "position_ids": 0}
        return {
            name: _filled([[i for at in numbers for i in own[at][name]] for numbers in joined], pad)
            for name, pad in fill.items()
        }


def _own(row: Row) -> dict[str, Sequence[int]]:
    """Return a row's share of the tensors; what stands before it does not foretell it."""
    ids = row["input_ids"]
    labels = [IGNORED, *row["labels"][1:]]
    return {"input_ids": ids, "labels": labels, "position_ids": range(len(ids))}


def _filled(rows: Sequence[list[int]], pad: int) -> torch.Tensor:
    longest = max(map(len, rows))
    return torch.tensor([row + [pad] * (longest - len(row)) for row in rows])


def passes(step: Mapping[str, torch.Tensor], micro_batch: int) -> Iterator[Tensors]:
    """Yield what each pass of a step reads: `micro_batch` joined rows or, in the last one, fewer,
    up to the last token of their fullest."""
    used = step["position_ids"].cpu().ne(0)
    for first in range(0, len(used), micro_batch):
        rows = slice(first, first + micro_batch)
        columns = used[rows].any(dim=0).nonzero()
        width = int(columns.max()) + 1 if len(columns) else 1
        yield {name: value[rows, :width] for name, value in step.items()}


def tokens(step: Mapping[str, torch.Tensor]) -> int:
    """Return the tokens of a step's rows, without padding; a row of one token has nothing to
    learn and does not count."""
    positions = step["position_ids"].cpu()
    return int(positions.ne(0).sum() + positions.eq(1).sum())
