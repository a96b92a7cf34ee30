"""An evaluation that several processes share: each result is that of one process.

Processes are threads here, which compute with one model; `test_in_processes.py` has real ones.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

pytest.importorskip("transformers")

import torch
from transformers import AutoModelForCausalLM

from runner.engines.ranks import Alone
from runner.evaluation.score import Question, evaluate
from runner.evaluation.turns import Turns
from tests.runner.evaluation.test_score import DEMO
from tests.runner.evaluation.test_score import questions as questions


@dataclass
class Room:
    """Where the threads of a group exchange values."""

    count: int
    values: dict[int, list[int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.barrier = threading.Barrier(self.count, timeout=60)


@dataclass(frozen=True)
class Thread:
    """One thread of a group, as `Ranks`."""

    rank: int
    room: Room

    @property
    def count(self) -> int:
        return self.room.count

    def gathered(self, values: Sequence[int]) -> list[list[int]]:
        self.room.values[self.rank] = list(values)
        self.room.barrier.wait()
        found = [self.room.values[rank] for rank in range(self.count)]
        self.room.barrier.wait()
        assert len({len(one) for one in found}) == 1, "torch could not gather them"
        return found

    def wait(self) -> None:
        self.gathered([])


def together(count: int, holders: int, call: Callable[[Turns], Any]) -> list[Any]:
    """Return what each of `count` threads gets."""
    room = Room(count)
    with ThreadPoolExecutor(count) as pool:
        turns = [Turns(Thread(rank, room), holders) for rank in range(count)]
        return list(pool.map(call, turns))


def test_results_are_in_the_order_of_the_items() -> None:
    def square(item: int) -> list[Any]:
        return [item * item, "\ud800ü" * item, 0.1 * item]

    items = list(range(1, 8))
    expected = [square(one) for one in items]
    for count, holders in ((1, 1), (2, 2), (3, 3), (3, 1), (9, 9)):
        for found in together(count, holders, lambda turns: list(turns.over(items, square))):
            assert [one for turn in found for one in turn] == expected
            assert [len(turn) for turn in found][:-1] == [holders] * (len(found) - 1)
    assert list(Turns(Alone()).over([], square)) == []


def test_scores_do_not_depend_on_the_number_of_processes(questions: list[Question]) -> None:
    model = AutoModelForCausalLM.from_pretrained(DEMO / "base", dtype=torch.float32)
    pad_id, end_ids = model.config.pad_token_id, [model.config.eos_token_id]

    def scored(turns: Turns) -> tuple[Any, list[int]]:
        done: list[int] = []
        found = evaluate(
            model, questions[:5], pad_id=pad_id, end_ids=end_ids, batch=2, turns=turns,
            on_progress=done.append,
        )  # fmt: skip
        return found, done

    alone, done = scored(Turns())
    assert done == [2, 4, 5]
    assert together(2, 2, scored) == [(alone, [4, 5])] * 2, "equal to the last bit"
