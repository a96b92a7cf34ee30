"""The parts of a training's time: each lasts since the end of the one before, without gaps."""

from collections.abc import Iterator

import pytest

from runner.training.clock import Clock, Times


def ticking(*seconds: float) -> Clock:
    """Return a clock that reads these times, in order."""
    read: Iterator[float] = iter(seconds)
    return Clock(lambda: next(read))


def test_every_second_after_the_start_is_counted_once() -> None:
    clock = ticking(10.0, 12.0, 15.0, 16.5, 17.0)
    clock.start()
    clock.step(4)
    clock.evaluation()
    clock.save()
    clock.step(5)
    assert clock.times == Times(steps={4: 2.0, 5: 0.5}, evaluations=[3.0], saves=[1.5])


def test_the_time_between_steps_belongs_to_the_next_one() -> None:
    clock = ticking(10.0, 12.0, 15.0)
    clock.start()
    clock.step(1)
    clock.start()  # the second step: what came before its start is its own
    clock.step(2)
    assert clock.times.steps == {1: 2.0, 2: 3.0}


def test_an_evaluation_before_the_first_step_has_no_length() -> None:
    clock = ticking(10.0, 12.0)
    clock.evaluation()
    clock.step(1)
    assert clock.times == Times(steps={1: 2.0}, evaluations=[0.0])


@pytest.mark.parametrize("own", [Times(), Clock().times])
def test_nothing_is_known_before_a_step(own: Times) -> None:
    assert own == Times({}, [], [])
