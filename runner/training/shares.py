"""Which rows a process trains on: its share of each step, in the lock's order.

The micro-batches of a step go to the processes in turn, so that a step reads the rows that it reads
in one process. At the end of an epoch there may be none left for some of them: they compute a row
of which nothing is scored, since every process has to take part in every exchange of gradients.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from accelerate.data_loader import DataLoaderShard
from datasets import Dataset, concatenate_datasets
from torch.utils.data import DataLoader, Sampler

from planner.data.tokens.example import IGNORED
from runner.engines.ranks import Ranks

Order = Callable[[int], Sequence[int]]
"""Epoch (from 0) to the order of the row numbers."""


class Shares(Sampler[list[int]]):
    """The micro-batches of one process, epoch by epoch."""

    def __init__(self, order: Order, micro_batch: int, ranks: Ranks) -> None:
        self._order, self._micro_batch = order, micro_batch
        self._rank, self._count = ranks.rank, ranks.count
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Take the order of an epoch from here on."""
        self._epoch = epoch

    def __len__(self) -> int:
        """Return the micro-batches of an epoch, as many in every process."""
        batches = -(-len(self._order(self._epoch)) // self._micro_batch)
        return -(-batches // self._count)

    def __iter__(self) -> Iterator[list[int]]:
        """Yield the row numbers of each micro-batch; one beyond the rows is the blank one's."""
        rows = self._order(self._epoch)
        for turn in range(len(self)):
            yield self._rows(rows, turn, self._rank) or [len(rows)]

    def sizes(self, turn: int) -> list[int]:
        """Return how many rows each process has in a turn, without blank ones."""
        rows = self._order(self._epoch)
        return [len(self._rows(rows, turn, rank)) for rank in range(self._count)]

    def _rows(self, rows: Sequence[int], turn: int, rank: int) -> list[int]:
        first = (turn * self._count + rank) * self._micro_batch
        return list(rows[first : first + self._micro_batch])


def with_blank(rows: Dataset, pad_id: int) -> Dataset:
    """Return rows with one more at their end, of which nothing is scored."""
    blank = Dataset.from_dict(
        {"input_ids": [[pad_id]], "labels": [[IGNORED]]}, features=rows.features
    )
    return concatenate_datasets([rows, blank])


def is_blank(inputs: Any) -> bool:
    """Return whether a micro-batch is the one that stands where no rows are left."""
    return bool(inputs["input_ids"].shape == (1, 1) and inputs["labels"][0, 0] == IGNORED)


def loader(rows: Dataset, shares: Shares, collate: Callable[[Any], Any]) -> DataLoader[Any]:
    """Return the micro-batches of a process. accelerate would share them out by itself, and make
    up what is missing at the end from the first rows."""
    found: DataLoader[Any] = DataLoaderShard(
        rows, batch_sampler=shares, collate_fn=collate, _drop_last=True
    )
    return found


class Losses:
    """Collects the losses of an evaluation from all processes; a trainer's `gather_function`."""

    def __init__(self, gather: Callable[[torch.Tensor], torch.Tensor], shares: Shares) -> None:
        self._gather, self._shares = gather, shares
        self._turn = 0

    def __call__(self, losses: torch.Tensor) -> torch.Tensor:
        """Return a loss for each row of the micro-batches of a turn, in all processes the same.

        `losses` has this process's, as often as a full micro-batch has rows.
        """
        sizes = self._shares.sizes(self._turn)
        self._turn += 1
        each = self._gather(losses).reshape(len(sizes), -1)
        return torch.cat([own[:size] for own, size in zip(each, sizes, strict=True)])
