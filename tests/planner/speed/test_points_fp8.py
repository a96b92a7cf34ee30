"""Step times of a frozen base in FP8 against those on one H200, of which one served to fit."""

from typing import Any

import pytest

from tests.gpu.speed.line import WARM
from tests.planner.memory.test_points_fp8 import POINTS, setup
from tests.planner.speed.test_points_sides import predicted_seconds


def _error(point: dict[str, Any]) -> float:
    measured: float = sum(point["step_seconds"][WARM:])
    return predicted_seconds(point, setup) / measured - 1


@pytest.mark.parametrize("point", POINTS, ids=lambda one: one["line"])
def test_steps_are_met_within_fifteen_percent(point: dict[str, Any]) -> None:
    print(f"{_error(point):+.1%} {point['line']}")
    assert abs(_error(point)) < 0.1


@pytest.mark.parametrize(("model", "gain"), [("Llama", 1.322), ("Qwen", 1.012)])
def test_the_gain_is_that_of_the_card(model: str, gain: float) -> None:
    took = {one["base"]: predicted_seconds(one, setup) for one in POINTS if model in one["model"]}
    assert took["bf16"] / took["fp8"] == pytest.approx(gain, abs=0.05)
