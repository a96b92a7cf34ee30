"""Data parallelism: which rows of each step a process trains on, in the lock's order.

The micro-batches of a step go to the processes in turn, so a step reads the same rows as with one
process. At the end of an epoch some processes may have none left: they compute a blank row of which
nothing is scored, since every process has to take part in every all-reduce of gradients.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from accelerate.data_loader import DataLoaderShard
from datasets import Dataset, concatenate_datasets
from torch.utils.data import DataLoader, Sampler

from planner.data.tokens.example import IGNORED
from runner.engines.ranks import Ranks

Order = Callable[[int], Sequence[int]]
"""Epoch (from 0) to the order of the row numbers."""
COUNTED = "counted_tokens"
"""The key of a micro-batch under which its tokens are, without padding and the blank row."""


class Shares(Sampler[list[int]]):
    """The micro-batches of one process, epoch by epoch."""

    def __init__(self, order: Order, micro_batch: int, ranks: Ranks) -> None:
        self._order, self._micro_batch = order, micro_batch
        self._rank, self._count = ranks.rank, ranks.count
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Use the order of an epoch from here on."""
        self._epoch = epoch

    def __len__(self) -> int:
        """Return the number of micro-batches in an epoch, the same in every process."""
        batches = -(-len(self._order(self._epoch)) // self._micro_batch)
        return -(-batches // self._count)

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the row numbers of each micro-batch; the number after the last is the blank row."""
        rows = self._order(self._epoch)
        for turn in range(len(self)):
            yield self._rows(rows, turn, self._rank) or [len(rows)]

    def sizes(self, turn: int) -> list[int]:
        """Return how many rows each process has in a turn, without the blank row."""
        rows = self._order(self._epoch)
        return [len(self._rows(rows, turn, rank)) for rank in range(self._count)]

    def _rows(self, rows: Sequence[int], turn: int, rank: int) -> list[int]:
        first = (turn * self._count + rank) * self._micro_batch
        return list(rows[first : first + self._micro_batch])


def with_blank(rows: Dataset) -> Dataset:
    """Return rows with a blank one at their end, of which nothing is scored.

    Its token is one that rows have: the embedding of padding may be zero, of which a layer's
    gradient may be NaN (Gemma 3n's deviation of its gates).
    """
    blank = Dataset.from_dict(
        {"input_ids": [rows[0]["input_ids"][:1]], "labels": [[IGNORED]]}, features=rows.features
    )
    return concatenate_datasets([rows, blank])


def is_blank(inputs: Any) -> bool:
    """Return whether a micro-batch is the blank one, for a process without rows left."""
    return bool(inputs["input_ids"].shape == (1, 1) and inputs["labels"][0, 0] == IGNORED)


def loader(
    rows: Dataset, shares: Shares, collate: Callable[[Any], Any], device: torch.device
) -> DataLoader[Any]:
    """Return the micro-batches of a process, on its device; the host does not wait for their copies
    to a card. accelerate's own sharding would fill up the last step with the first rows."""
    on_card = device.type == "cuda"
    found: DataLoader[Any] = DataLoaderShard(
        rows, device=device, batch_sampler=shares, collate_fn=collate, pin_memory=on_card,
        _non_blocking=on_card, _drop_last=True,
    )  # fmt: skip
    return found


@dataclass(frozen=True)
class Counted:
    """Joins the rows of a micro-batch, and counts their tokens while they are in main memory."""

    padding: Callable[[Any], Any]

    def __call__(self, rows: Sequence[Any]) -> dict[str, Any]:
        """Return what `padding` returns, with the number of tokens."""
        found = dict(self.padding(rows))
        own = 0 if is_blank(found) else sum(len(row["input_ids"]) for row in rows)
        return found | {COUNTED: own}


class Losses:
    """Gathers the losses of an evaluation from all processes; a trainer's `gather_function`."""

    def __init__(self, gather: Callable[[torch.Tensor], torch.Tensor], shares: Shares) -> None:
        self._gather, self._shares = gather, shares
        self._turn = 0

    def __call__(self, losses: torch.Tensor) -> torch.Tensor:
        """Return the loss of each row in a turn's micro-batches, the same in all processes.

        `losses` has this process's loss, repeated for each row of a full micro-batch.
        """
        sizes = self._shares.sizes(self._turn)
        self._turn += 1
        each = self._gather(losses).reshape(len(sizes), -1)
        return torch.cat([own[:size] for own, size in zip(each, sizes, strict=True)])
