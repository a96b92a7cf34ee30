"""The host that is assumed where none was measured, against all hosts that were.

Each measurement is a step of the model in `planner.speed.host`, next to a point that was measured.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from statistics import median
from typing import Any

from planner.catalogue.lookup import find_accelerator
from planner.data.tokens.layout import size_of
from planner.machines.facts import Gpu
from planner.setup.batches import Batch
from planner.speed import around_seconds, micro_seconds
from planner.speed.host import ASSUMED, SLOW, accelerator, on_slow_host, said, slowness
from runner.rehearse.host import HOST
from tests.planner.memory.test_compiled_layers import model_of
from tests.planner.memory.test_points_families import FIRST
from tests.planner.memory.test_points_sides import (
    graph_sizes,
    rows_and_tokens,
    setup_of,
    steps,
)
from tests.planner.plan.test_h100 import H100
from tests.planner.speed.test_points_compiled import RUNS, WARM, _seconds
from tests.planner.speed.test_points_sides import POINTS

H200 = replace(H100, gpus=(Gpu("NVIDIA H200", 141 << 30, 140 << 30, "9.0"),))


def _hosts() -> Iterator[float]:
    """Yield the slowness of each measured host."""
    for path in sorted(FIRST.parent.glob("*.jsonl")):
        for line in map(json.loads, path.read_text("utf-8").splitlines()):
            seconds = line.get("host_seconds", 0)
            if line.get("case") == HOST.name:
                seconds = median(line["step_seconds"][1:])
            if seconds:
                yield slowness(seconds, find_accelerator(line["card"]))


def test_the_host_that_is_assumed_is_the_median_of_those_that_were_measured() -> None:
    found = sorted(_hosts())
    assert len(found) == 183
    assert abs(median(found) - ASSUMED) < 0.02
    assert found[-1] < SLOW


def test_it_is_assumed_where_none_was_measured() -> None:
    for machine in (H100, H200):
        usual, measured = accelerator(machine), accelerator(machine, 0.2)
        assert usual and measured
        assert usual.host == ASSUMED
        assert measured.host == slowness(0.2, find_accelerator(usual.name))
        assert on_slow_host(usual).host == SLOW


def test_steps_that_wait_for_an_unmeasured_host_are_in_the_range() -> None:
    """No measurement of the host is with these points, and no coefficient was fitted to them."""
    inside = 0
    for point in RUNS:
        card, took = find_accelerator(point["card"]), sum(point["step_seconds"][WARM:])
        usual, slow = (_seconds(point, replace(card, host=host)) for host in (ASSUMED, SLOW))
        if said(usual, slow):
            assert usual < took < 1.1 * slow
            inside += 1
    assert inside == 2


def test_chosen_plans_are_hardly_faster_than_on_a_usual_host() -> None:
    """Steps of plans on H200s whose hosts were not measured took up to 1.16 times as long as
    predicted."""
    for point in POINTS:
        usual, took = _predicted(point), sum(point["step_seconds"][WARM:])
        assert 0.86 < usual / took < 1.14, point["line"]


def _predicted(point: dict[str, Any]) -> float:
    """Return the predicted seconds of a chosen plan's steps after the first ones."""
    model, sizes = model_of(point["model"]), graph_sizes(point)
    setup = setup_of(point, rows_and_tokens(point)[1])
    card = replace(find_accelerator(point["card"]), host=ASSUMED)
    total = 0.0
    for step in steps(point)[WARM:]:
        for rows in step:
            filled = size_of(sum(rows), sizes)
            one = Batch(1, filled, len(rows) > 1, sum(length**2 for length in rows))
            total += micro_seconds(model, one.of(setup), card)
        total += around_seconds(model, setup, card)
    return total


def test_a_step_of_the_card_says_nothing_of_its_host() -> None:
    assert said(1.0, 1.1) == ""
    assert said(0.1, 0.17).endswith("on a slow one, a step takes 0.17 s.")
