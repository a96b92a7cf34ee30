"""Where a model is evaluated: a copy in each process, on several cards together, in main memory."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

pytest.importorskip("transformers")

import torch

from lockfiles.lock import TrainingLock
from lockfiles.training import Parallel
from planner.machines.probes import memory
from runner.engines.ranks import Alone
from runner.evaluation.placement import Needs, Placement, needs_of, over_cards, placed
from runner.evaluation.score import CARD_ROWS, CPU_ROWS, Question, evaluate
from runner.training.loading import load_checked
from tests.lockfiles.samples import LOCK
from tests.runner.evaluation.test_score import DEMO
from tests.runner.evaluation.test_score import questions as questions

GB = 10**9
LARGE = Needs(weights=141 * GB, working=6 * GB, layer=2 * GB)
"""A model of 70 billion parameters in bfloat16."""
ROWS = [Question([1] * length, [-100, *[1] * (length - 1)]) for length in (40, 300, 900)]


class Pair:
    """Two processes, of which the other has as much memory."""

    rank, count = 0, 2

    def gathered(self, values: Sequence[int]) -> list[list[int]]:
        return [list(values)] * self.count

    def wait(self) -> None:
        pass


@pytest.fixture
def lock() -> TrainingLock:
    parallel = Parallel(engine="zero3", processes=2)
    return LOCK.training().model_copy(update={"parallel": parallel})


def test_a_copy_needs_weights_and_the_greatest_batch(lock: TrainingLock) -> None:
    needs, shape = needs_of(lock, ROWS, CPU_ROWS), lock.model.architecture
    itemsize = getattr(torch, lock.train.dtype).itemsize
    assert needs.weights == lock.model.parameters * itemsize
    keys = 2 * shape.layers * shape.kv_heads * shape.head_dim * itemsize
    assert needs.working > 3 * 900 * keys, "three rows are one batch, padded to the longest"
    assert needs_of(lock, ROWS, 1).working < needs.working
    eager = lock.model_copy(update={"train": lock.train.model_copy(update={"attention": "eager"})})
    assert needs_of(eager, ROWS, CPU_ROWS).working > needs.working, "all scores are in memory"
    assert 0 < needs.layer < needs.weights


def test_each_process_has_a_copy_where_it_fits(
    lock: TrainingLock, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = needs_of(lock, ROWS, CPU_ROWS).total
    for each, holders in ((needed, 2), (needed - 1, 1)):
        monkeypatch.setattr(memory, "usable", lambda host, own=each: (own * 2, own * 2))
        found = placed(lock, ROWS, Pair())
        assert (found.holders, found.rows, dict(found.form)) == (holders, CPU_ROWS, {})
        assert bool(found.why) == (holders == 1)
    assert found.why.startswith("a copy of the model needs ")
    one = placed(lock, ROWS, Alone())
    assert one == Placement(1), "nothing is said where there are no other processes"


def test_a_large_model_is_on_all_cards_together() -> None:
    found = over_cards(LARGE, 79 * GB, [79 * GB] * 4)
    assert (found.holders, found.rows) == (1, CARD_ROWS)
    assert found.form["device_map"] == "auto"
    assert found.form["max_memory"] == dict.fromkeys(range(4), 73 * GB)
    assert found.why == (
        "the model needs 136.9 GiB, but a card has 73.6 GiB free: one process evaluates it on 4 "
        "cards together"
    )
    for free in ([79 * GB], [73 * GB] * 2, []):
        found = over_cards(LARGE, 79 * GB, free)
        assert (found.holders, found.rows, dict(found.form)) == (1, CPU_ROWS, {})
        assert found.why.endswith("one process evaluates it in main memory, which is slow")
    small = replace(LARGE, weights=130 * GB)
    assert over_cards(small, 79 * GB, [73 * GB] * 2).form["device_map"] == "auto"


def test_a_model_with_parts_in_several_places_is_evaluated_alike(
    questions: list[Question],
) -> None:
    """As transformers dispatches it, with hooks: here a layer is read from disk in each pass."""
    plain = load_checked(DEMO / "base", dtype=torch.float32)
    layers = range(plain.config.num_hidden_layers)
    places = {f"model.layers.{n}": "disk" if n % 2 else "cpu" for n in layers}
    others = ("model.embed_tokens", "model.norm", "model.rotary_emb", "lm_head")
    form = {"device_map": dict.fromkeys(others, "cpu") | places}
    apart = load_checked(DEMO / "base", dtype=torch.float32, **form)
    assert {"cpu", "disk"} == set(apart.hf_device_map.values())
    scores = [evaluate(one, questions[:4], pad_id=0, end_ids=[2]) for one in (plain, apart)]
    assert scores[0] == scores[1]
