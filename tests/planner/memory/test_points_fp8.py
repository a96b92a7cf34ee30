"""The closed form of a frozen base in FP8 against peaks on one H200.

`tests/data/points/fp8.jsonl` is what `python -m tests.gpu.fp8` wrote. Recorded passes are counted
with what torch reserves for them: more than the allocated peak, in bfloat16 as in FP8.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from planner.memory import estimate
from planner.setup.setup import Profile
from tests.planner.memory.test_compiled_layers import model_of, plan
from tests.planner.memory.test_points_sides import predicted, setup_of

FILE = Path(__file__).parents[2] / "data" / "points" / "fp8.jsonl"
LINES = [json.loads(line) for line in FILE.read_text("utf-8").splitlines()]
POINTS = [one for one in LINES if "step_seconds" in one and one["base"] in ("bf16", "fp8")]


def setup(point: dict[str, Any], tokens: int) -> Profile:
    """Return the setup of a pass of a point."""
    return replace(setup_of(point, tokens), base_products=point["base"])


@pytest.mark.parametrize("point", POINTS, ids=lambda one: one["line"])
def test_peaks_are_predicted(point: dict[str, Any]) -> None:
    error = predicted(point, setup) / point["peak_bytes"] - 1
    print(f"{error:+.2%} {point['line']}")
    recorded = "graphs of" in point["settings"]
    assert abs(error - 0.063 * recorded) < 0.005


def test_weights_need_a_byte_each_and_are_loaded_in_two() -> None:
    model = model_of("Llama-3.1-8B-Instruct")
    wide, narrow = (
        estimate(model, plan(model.architecture, "lora", 64, base_products=each))
        for each in ("bf16", "fp8")
    )
    loaded, other = (
        next(one for one in found.phases if one.name == "load") for found in (wide, narrow)
    )
    assert loaded.components["weights"] == other.components["weights"]
    assert other.components["scratch"] == 9 * 4096 * 14336
    less = (
        wide.peak.components["weights"]
        - next(one for one in narrow.phases if one.name == "backward").components["weights"]
    )
    linear, scales = 32 * 218_103_808, 4 * 32 * (43_008 + 38_912)
    assert less == linear - scales
