"""Packing: the rows of a step joined into sequences, and the micro-batches of that step.

Position ids restart at 0 for each row. From them transformers builds an attention mask that keeps
rows apart (`find_packed_sequence_indices` in its `masking_utils.py`).
`tests/runner/training/test_packing.py` checks that for every family.
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
    """Fills positions without a row."""
    capacity: int
    """Maximum tokens of a packed sequence: those of the longest row."""
    micro_batch: int
    """Packed sequences of a micro-batch."""

    def __call__(self, rows: Sequence[Row]) -> Tensors:
        """Return `input_ids`, `labels` and `position_ids`, each of shape (packed sequences, tokens
        of the longest one). Padding has position 0 throughout."""
        joined = packed([len(row["input_ids"]) for row in rows], self.capacity)
        own = [_own(row) for row in rows]
        fill = {"input_ids": self.pad_id, "labels": IGNORED, "position_ids": 0}
        return {
            name: _filled([[i for at in numbers for i in own[at][name]] for numbers in joined], pad)
            for name, pad in fill.items()
        }

    def passes(self, step: Mapping[str, torch.Tensor]) -> Iterator[Tensors]:
        """Yield the micro-batches of a step: `micro_batch` packed sequences each (the last may have
        fewer), cut to the longest of them."""
        used = step["position_ids"].cpu().ne(0)
        for first in range(0, len(used), self.micro_batch):
            rows = slice(first, first + self.micro_batch)
            columns = used[rows].any(dim=0).nonzero()
            width = int(columns.max()) + 1 if len(columns) else 1
            yield {name: value[rows, :width] for name, value in step.items()}

    def tokens(self, step: Mapping[str, torch.Tensor]) -> int:
        """Return the tokens of a step's rows, without padding. A row of one token has nothing to
        score and does not count."""
        positions = step["position_ids"].cpu()
        return int(positions.ne(0).sum() + positions.eq(1).sum())


def _own(row: Row) -> dict[str, Sequence[int]]:
    """Return a row's part of the tensors. Its first token is not scored, since the token before
    it belongs to another row."""
    ids = row["input_ids"]
    labels = [IGNORED, *row["labels"][1:]]
    return {"input_ids": ids, "labels": labels, "position_ids": range(len(ids))}


def _filled(rows: Sequence[list[int]], pad: int) -> torch.Tensor:
    longest = max(map(len, rows))
    return torch.tensor([row + [pad] * (longest - len(row)) for row in rows])
