"""What each process trains on: the lock's rows in the lock's order, a step at a time."""

from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import pytest
import torch
from datasets import Dataset
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from runner.training.padding_free import PaddingFree
from runner.training.shares import COUNTED, Counted, Losses, Shares, loader, with_blank


@dataclass(frozen=True)
class Rank:
    rank: int
    count: int

    def gathered(self, values: object) -> list[list[int]]:
        raise AssertionError

    def wait(self) -> None:
        raise AssertionError


def shares(rows: int, micro_batch: int, count: int) -> list[Shares]:
    def order(epoch: int) -> list[int]:
        return [(7 * row + epoch) % rows for row in range(rows)]

    return [Shares(order, micro_batch, Rank(rank, count)) for rank in range(count)]


@pytest.mark.parametrize("count", [1, 2, 3, 5])
@pytest.mark.parametrize(("rows", "micro_batch"), [(1, 1), (10, 1), (10, 3), (15, 4), (24, 4)])
def test_turn_by_turn_they_are_the_order_of_the_lock(
    rows: int, micro_batch: int, count: int
) -> None:
    all_of_them = shares(rows, micro_batch, count)
    for epoch in (0, 3):
        for one in all_of_them:
            one.set_epoch(epoch)
        turns = list(zip_longest(*all_of_them))
        assert len(turns) == len(all_of_them[0]) == -(-rows // (micro_batch * count))
        read = [row for turn in turns for batch in turn for row in batch]
        blank = [row for row in read if row == rows]
        assert read[: len(read) - len(blank)] == [(7 * row + epoch) % rows for row in range(rows)]
        assert len(blank) < count
        for number, turn in enumerate(turns):
            sizes = [sum(row < rows for row in batch) for batch in turn]
            assert sizes == all_of_them[0].sizes(number)


def test_losses_count_as_often_as_there_are_rows() -> None:
    """Two processes and three micro-batches of 4, 4 and 2 rows."""
    first, _ = shares(10, 4, 2)
    gathered = iter([torch.tensor([1.0] * 4 + [2.0] * 4), torch.tensor([3.0] * 4 + [0.0] * 4)])
    losses = Losses(lambda own: next(gathered), first)
    found = torch.cat([losses(torch.zeros(4)), losses(torch.zeros(4))])
    assert found.tolist() == [1.0] * 4 + [2.0] * 4 + [3.0] * 2


def rows_of(*lengths: int) -> Dataset:
    ids = [list(range(3, 3 + length)) for length in lengths]
    return Dataset.from_dict({"input_ids": ids, "labels": ids})


def test_the_tokens_of_micro_batches_are_counted_without_padding_and_blank_rows() -> None:
    rows, counted = with_blank(rows_of(4, 2, 5)), Counted(DataCollatorForLanguageModeling(0))
    found = [
        [batch[COUNTED] for batch in loader(rows, one, counted, torch.device("cpu"))]
        for one in shares(3, 2, 2)
    ]
    assert sum(map(sum, found)) == 4 + 2 + 5
    assert [len(one) for one in found] == [1, 1]
    alone = [
        batch[COUNTED] for batch in loader(rows, shares(3, 1, 4)[3], counted, torch.device("cpu"))
    ]
    assert alone == [0]


@pytest.mark.parametrize("passes", [True, False])
def test_a_process_finds_its_rows_on_its_own_device(passes: bool) -> None:
    joined = PaddingFree(8, 5, bounded=True, rank=1, ranks=2)
    collate = joined if passes else DataCollatorForLanguageModeling(0)
    (batch,) = loader(rows_of(4, 2, 5, 3), shares(4, 4, 1)[0], collate, torch.device("meta"))
    assert {one.device.type for one in _tensors(batch)} == {"meta"}


def _tensors(batch: Any) -> list[torch.Tensor]:
    if isinstance(batch, torch.Tensor):
        return [batch]
    if isinstance(batch, dict):
        batch = list(batch.values())
    return (
        [own for one in batch for own in _tensors(one)] if isinstance(batch, list | tuple) else []
    )
