"""Which rows a process trains on: its share of each step, in the lock's order.

The micro-batches of a step go to the processes in turn, so that a step reads the rows that it reads
in one process. At the end of an epoch there may be none left for some of them: they compute a row
of which nothing is scored, since every process has to take part in every exchange of gradients.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from accelerate.data_loader import DataLoaderShard
from datasets import Dataset, concatenate_datasets
from torch.utils.data import DataLoader, Sampler

from planner.data.tokens.encode import IGNORED
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
        """Yield the row numbers of each micro-batch; one beyond the rows is `blank`."""
        rows, each = self._order(self._epoch), self._micro_batch
        for turn in range(len(self)):
            first = (turn * self._count + self._rank) * each
            yield list(rows[first : first + each]) or [len(rows)]


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


def whole(rows: Dataset, micro_batch: int, collate: Callable[[Any], Any]) -> DataLoader[Any]:
    """Return all rows in their own order, as each process evaluates them."""
    found: DataLoader[Any] = DataLoaderShard(
        rows, batch_size=micro_batch, collate_fn=collate, _drop_last=True
    )
    return found
