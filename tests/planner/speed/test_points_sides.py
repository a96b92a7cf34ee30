"""Step times of plans that were chosen and trained on a card, none of which served to fit anything.

`tests.planner.memory.test_points_sides` says where they come from. Of plans that were measured
twice the second time counts: batches are collected ahead since then.
"""

from dataclasses import replace
from functools import cache
from statistics import fmean
from typing import Any

from planner import speed
from planner.catalogue.lookup import find_accelerator
from planner.data.tokens.layout import size_of
from planner.setup import batches
from tests.gpu.speed.line import WARM
from tests.planner.memory.test_compiled_layers import model_of
from tests.planner.memory.test_points_sides import (
    AGAIN,
    FIRST,
    GSM8K,
    Setup,
    graph_sizes,
    rows_and_tokens,
    setup_of,
    steps,
)

TWICE = {(one["model"], one["method"]) for one in AGAIN if "step=32000" in one["line"]}
POINTS = [
    one
    for one in (*FIRST, *AGAIN, *GSM8K)
    if one.get("side") == "chosen"
    and (one not in FIRST or (one["model"], one["method"]) not in TWICE or "step=16" in one["line"])
]


def predicted_seconds(point: dict[str, Any], setup_of: Setup = setup_of) -> float:
    """Return the predicted seconds of a point's steps after the first ones."""
    model, card = model_of(point["model"]), find_accelerator(point["card"])
    rows, most = rows_and_tokens(point)
    setup = replace(setup_of(point, most), micro_batch=rows)
    total = 0.0
    for step in steps(point)[WARM:]:
        for batch in batches.batches([row for one in step for row in one], setup, 1):
            filled = replace(batch, longest=size_of(batch.longest, graph_sizes(point)))
            total += speed.micro_seconds(model, filled.of(setup), card)
        total += speed.around_seconds(model, setup, card)
    return total


@cache
def errors() -> tuple[float, ...]:
    """Return predicted over measured seconds, less 1, of each point."""
    found = []
    for point in POINTS:
        found.append(predicted_seconds(point) / sum(point["step_seconds"][WARM:]) - 1)
        print(f"{found[-1]:+.1%} {point['line']}")
    return tuple(found)


def test_steps_of_chosen_plans_are_met_within_fifteen_percent() -> None:
    assert len(POINTS) == 29
    assert max(map(abs, errors())) < 0.15
    assert fmean(map(abs, errors())) < 0.075
