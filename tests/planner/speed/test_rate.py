"""Useful tokens per second, and the operations that a method needs for them."""

from dataclasses import replace
from pathlib import Path

import pytest

from lockfiles import lock as locks
from lockfiles.rates import tokens_per_second
from planner.memory import Profile
from planner.plan.gather import gather
from planner.plan.plan import plan
from planner.speed import flops
from planner.speed.rate import Lengths, needed_flops, rate_of
from tests.planned import few_rows
from tests.planner.memory.test_memory import MODELS, PLAN
from tests.planner.plan.test_plan import answers
from tests.planner.search.test_rehearsal import GPU_MACHINE, ON_CARD
from tests.planner.speed.test_speed import FULL, H200

ONE = Lengths(1, 1)
DPO = replace(PLAN, objective="dpo")


@pytest.mark.parametrize(
    ("setup", "each"),
    [
        (FULL, 6),
        (PLAN, 4),
        (replace(PLAN, method="qlora"), 4),
        (replace(PLAN, checkpointing=False), 4),
        (DPO, 6),  # the reference's forward pass
        (replace(FULL, objective="dpo"), 8),
    ],
)
def test_operations_of_a_parameter_and_token(setup: Profile, each: int) -> None:
    model = MODELS["qwen2.5-0.5b"]
    found = needed_flops(model.architecture, replace(setup, rank=1), ONE)
    assert found == pytest.approx(each * model.parameters, rel=0.01)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("setup", [PLAN, FULL, replace(PLAN, checkpointing=False), DPO])
def test_less_is_needed_than_computed(name: str, setup: Profile) -> None:
    model, one = MODELS[name], replace(setup, length=2048, micro_batch=1, padded=False)
    rows = Lengths.of([2048], one)
    needed = needed_flops(model.architecture, one, rows)
    assert 0.3 * flops(model, one) < needed < flops(model, one)


def test_attention_takes_half_the_pairs_of_a_row_three_times() -> None:
    shape = MODELS["llama3.1-8b"].architecture
    pairs = 4 * shape.heads * shape.head_dim * shape.layers / 2
    short, long = (needed_flops(shape, PLAN, Lengths(1000, 1000 * n)) for n in (100, 1100))
    assert long - short == pytest.approx(3 * pairs * 1000 * 1000)
    alike = needed_flops(shape, PLAN, Lengths.of([600, 400], PLAN))
    assert alike == pytest.approx(needed_flops(shape, PLAN, Lengths(1000, 520_000)))


def test_a_window_bounds_the_keys_of_a_token() -> None:
    shape = replace(MODELS["llama3.1-8b"].architecture, sliding_window=512)
    rows = Lengths.of([4096], PLAN)
    full, windowed, mixed = (
        needed_flops(one, PLAN, rows)
        for one in (replace(shape, sliding_window=0), shape, replace(shape, sliding_every=2))
    )
    saved = 3 * 4096 * 4.0 * shape.heads * shape.head_dim * shape.layers * (2048 - 512 + 32)
    assert full - windowed == pytest.approx(saved)
    assert mixed == pytest.approx((full + windowed) / 2)


def test_pairs_count_the_tokens_of_both_sequences() -> None:
    assert Lengths.of([10, 20], PLAN) == Lengths(30, 500)
    assert Lengths.of([10, 20], DPO) == Lengths(60, 1000)
    assert Lengths.of([10, 20], DPO, tokens=30) == Lengths(30, 250)


def test_a_rate_is_of_useful_tokens_and_of_all_cards() -> None:
    shape, rows = MODELS["llama3.1-8b"].architecture, Lengths(8192, 8192 * 512)
    found = rate_of(shape, PLAN, H200, rows, 1.0)
    needed = needed_flops(shape, PLAN, rows)
    assert found.tokens_per_second == 8192
    assert found.flops_share == pytest.approx(needed / 989e12)
    two = rate_of(shape, replace(PLAN, parallel="ddp", ranks=2), H200, rows, 0.5)
    assert (two.tokens_per_second, two.flops_share) == (16384, found.flops_share)


@pytest.mark.parametrize(
    ("setup", "card"),
    [
        (PLAN, None),
        (PLAN, replace(H200, bf16_flops=0.0)),
        (replace(PLAN, dtype="float32"), H200),
    ],
)
def test_without_a_known_rate_there_is_no_share(setup: Profile, card: object) -> None:
    shape = MODELS["llama3.1-8b"].architecture
    found = rate_of(shape, setup, card, ONE, 1.0)  # type: ignore[arg-type]
    assert (found.tokens_per_second, found.flops_share) == (1.0, 0.0)


def test_a_lock_has_the_rate_of_its_steps(tmp_path: Path) -> None:
    asked = answers(**ON_CARD)
    facts = gather(asked, few_rows(tmp_path), machine=GPU_MACHINE)
    lock, stream = plan(asked, facts), facts.stream
    step = lock.train.micro_batch * lock.train.accumulation
    steps, took = -(-stream.rows // step), lock.prediction.step_seconds
    found = tokens_per_second(lock, took)
    assert found == pytest.approx(stream.tokens / (steps * took))
    rows = Lengths.of(stream.lengths, PLAN)
    setup = replace(PLAN, rank=lock.method.rank, targets=tuple(lock.method.targets))
    needed = needed_flops(facts.model.architecture, setup, rows)
    assert lock.prediction.flops_share == pytest.approx(needed / (steps * took) / 121e12, rel=0.01)
    assert locks.parse(locks.write(lock)).training() == lock
    assert tokens_per_second(lock, 0.0) == 0.0
