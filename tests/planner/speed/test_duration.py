"""The time of whole runs: the batches of the lock's order, padded as the collator pads them."""

import random
from dataclasses import replace
from typing import Any

import pytest

from planner import speed
from planner.data.tokens.order import epoch_order
from planner.speed.duration import ORDERED_ROWS, Duration, Schedule, duration
from tests.planner.memory.test_memory import MODELS, PLAN
from tests.planner.speed.test_speed import H200

MODEL = MODELS["llama3.1-8b"]
RANDOM = random.Random(5)
LENGTHS = tuple(RANDOM.randrange(20, 1024) for _ in range(403))
SCHEDULE = Schedule(LENGTHS, (), seed=17, epochs=2, accumulation=4, evaluate_steps=10)


def _duration(schedule: Schedule, **changes: Any) -> Duration:
    found = duration(MODEL, replace(PLAN, length=1024, **changes), H200, schedule)
    assert found
    return found


def test_every_batch_of_the_order_is_padded_to_its_longest_row() -> None:
    found = _duration(SCHEDULE, micro_batch=4)
    padded = 0
    for epoch in range(2):
        order = [LENGTHS[row] for row in epoch_order(403, 17, epoch)]
        batches = [order[first : first + 4] for first in range(0, 403, 4)]
        padded += sum(len(batch) * max(batch) for batch in batches)
    steps = 2 * 26
    assert found.padded_tokens * steps == pytest.approx(padded)
    assert found.seconds == pytest.approx(found.step_seconds * steps)


def test_packed_rows_are_joined_within_their_step() -> None:
    packed = _duration(SCHEDULE, micro_batch=4, packing=True)
    tokens = 0
    for epoch in range(2):
        order = [LENGTHS[row] for row in epoch_order(403, 17, epoch)]
        tokens += sum(order)
    padded = _duration(SCHEDULE, micro_batch=4)
    assert tokens / 52 <= packed.padded_tokens < 1.12 * tokens / 52 < padded.padded_tokens
    assert packed.seconds < 0.9 * padded.seconds


def test_rows_of_one_length_take_the_time_of_a_step() -> None:
    even = replace(SCHEDULE, lengths=(1024,) * 400)
    plan = replace(PLAN, length=1024, micro_batch=4)
    step = speed.step_seconds(MODEL, plan, H200, 4)
    assert _duration(even, micro_batch=4).step_seconds == pytest.approx(step)


def test_short_rows_take_less_than_the_longest_says() -> None:
    longest = replace(SCHEDULE, lengths=(1024,) * 403)
    assert (
        _duration(SCHEDULE, micro_batch=4).seconds
        < 0.95 * _duration(longest, micro_batch=4).seconds
    )


def test_evaluations_are_counted_at_their_interval_and_at_the_end() -> None:
    held_out = replace(SCHEDULE, held_out=LENGTHS[:40])
    seldom = replace(held_out, evaluate_steps=1000)
    without, once, often = (
        _duration(one, micro_batch=4).seconds for one in (SCHEDULE, seldom, held_out)
    )
    steps = 2 * 26
    assert without < once
    assert often - without == pytest.approx((once - without) * -(-steps // 10))


def test_a_long_run_is_counted_by_a_sample_and_comes_out_the_same() -> None:
    lengths = tuple(RANDOM.randrange(20, 1024) for _ in range(ORDERED_ROWS // 2))
    whole = _duration(replace(SCHEDULE, lengths=lengths), micro_batch=4)
    sampled = _duration(replace(SCHEDULE, lengths=lengths, epochs=3), micro_batch=4)
    doubled = _duration(replace(SCHEDULE, lengths=lengths * 4, epochs=1), micro_batch=4)
    assert sampled.seconds == pytest.approx(1.5 * whole.seconds, rel=1e-3)
    assert doubled.seconds == pytest.approx(2 * whole.seconds, rel=1e-2)


def test_on_cpu_there_is_no_guess() -> None:
    assert duration(MODEL, replace(PLAN, device="cpu"), H200, SCHEDULE) is None
    assert duration(MODEL, PLAN, None, SCHEDULE) is None
