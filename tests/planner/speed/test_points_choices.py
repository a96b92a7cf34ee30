"""The plan that is chosen for one card against the others that fit, all trained on an H200.

`choices_one.jsonl` is what `python -m tests.gpu.several.choices OUT.jsonl --ranks 1 --gib 0 24`
wrote on cards of one host, with four models: all of a card's memory, and 24 GiB of it. Steps of the
same 16 rows, torch 2.11, random weights, 2026-11-27. No coefficient was fitted to them.
"""

from functools import cache
from statistics import fmean, median
from typing import Any

import pytest

from planner.memory import estimate
from planner.search import ranking
from tests.gpu.several.choices import Search
from tests.gpu.several.measured import WARM
from tests.planner.memory.test_points_several import plan_of, read

LINES = read("choices_one")
BY_SEARCH = {one["model"]: [o for o in LINES if o["model"] == one["model"]] for one in LINES}
BEST = 0.95
"""Of the fastest plan's speed, what the chosen one must reach."""


@cache
def _search(name: str) -> Search:
    words = name.split()
    gib = int(words[-2]) if words[-1] == "GiB" else 0
    method: Any = words[1].rstrip(",")
    return Search(words[0], method, 1, gib=gib, card="H200")


def _seconds(told: dict[str, Any]) -> float:
    """Return the measured seconds of a step."""
    return float(median(told["step_seconds"][WARM:]))


def test_four_models_were_tried_at_two_sizes_of_memory() -> None:
    assert len(BY_SEARCH) == 8 and len({one.split()[0] for one in BY_SEARCH}) == 4
    assert all(len(found) >= 4 for found in BY_SEARCH.values())


@pytest.mark.parametrize("name", BY_SEARCH)
def test_the_chosen_plan_is_the_fastest_within_five_percent(name: str) -> None:
    found = {told["name"]: _seconds(told) for told in BY_SEARCH[name]}
    search = _search(name)
    chosen = search.line(search.chosen)["name"]
    share = min(found.values()) / found[chosen]
    print(f"{share:.1%} of the fastest of {len(found)}: {chosen}")
    assert share >= BEST


def test_step_times_are_met() -> None:
    errors = {}
    for told in LINES:
        search, (plan, _) = _search(told["model"]), plan_of(told)
        expected = (ranking.seconds(search.candidates, plan) or 0.0) * len(search.lengths)
        errors[told["name"]] = expected / _seconds(told) - 1
    for name, error in sorted(errors.items(), key=lambda item: item[1]):
        print(f"{error:+.1%} {name}")
    assert fmean(map(abs, errors.values())) <= 0.1
    within = sum(abs(error) <= 0.15 for error in errors.values())
    assert within >= 0.9 * len(errors)


def test_peaks_of_passes_that_are_not_recorded_are_met() -> None:
    """Replays allocate nothing, so the peaks of recorded passes say nothing."""
    errors = {}
    for told in LINES:
        plan, search = plan_of(told)
        if not plan.graph_sizes:
            own = estimate(search.facts, search.passing(plan)).peak.peak_bytes
            errors[told["name"]] = own / told["allocated_bytes"] - 1
    for name, error in errors.items():
        print(f"{error:+.2%} {name}")
    assert min(errors.values()) >= -0.015 and max(errors.values()) <= 0.01
