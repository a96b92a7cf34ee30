"""Peaks of each rank of trainings by the runner on one, two and four NVIDIA cards of one host.

`several.jsonl` has lines of `tests.gpu.several`, `choices.jsonl` plans of its `choices`: torch
2.11, transformers 5.23, DeepSpeed 0.19.8, random weights at real shapes, peaks from the second step
on, on H200s, 2026-11-27. `alone` tells whether nothing else ran on the machine. What ZeRO's stage 3
keeps was found with these points; of the formulas of others, only the third tensor of stages 1 and
2. `choices_several.jsonl` has more of these plans, on H100s, 2026-11-28; nothing was fitted to
them. `several_again.jsonl` and `choices_again.jsonl` are of the day after, on two H100s and two
H200s: what ZeRO's stage 3 and FSDP2 hold of weights in main memory was mended with two of them.
Those with `in_place` ran since large gradients are exchanged where they are. `several_graphs.jsonl`
and `choices_graphs.jsonl` are of the evening, on two and four H200s: some record their passes, so
that only what the allocator reserved tells their peak. `several_launched.jsonl` is of the next
session, on two H200s.
"""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from planner.memory import Profile, estimate
from planner.memory.facts import Estimate
from planner.memory.shares import small_elements
from planner.memory.trainable import trained_parameters
from planner.parallelism.ddp import COPIED_ELEMENTS, TRAVELING_ELEMENTS
from planner.search.budget import kept_besides, with_room
from tests.gpu.several.choices import Search
from tests.gpu.several.line import Line
from tests.gpu.several.predicted import profile_of
from tests.planner.memory import test_points_ranks as ranks

FOLDER = Path(__file__).parents[2] / "data" / "points"


class Point(ranks.Point):
    """A training by the runner, and how a plan describes it."""

    @property
    def estimate(self) -> Estimate:
        return estimate(self.model, self.profile)

    @property
    def measured(self) -> int:
        """The greatest peak of its ranks, in bytes."""
        found = self.told["allocated_bytes"]
        return max(found) if isinstance(found, list) else int(found)

    @property
    def error(self) -> float:
        """Predicted over measured peak, less 1."""
        return (self.estimate.peak.peak_bytes + self.copied_then) / self.measured - 1

    @property
    def copied_then(self) -> int:
        """What copies of gradients took more when it ran, in bytes."""
        one = self.profile
        if not (one.copied and one.ranks > 1 and one.pass_tokens) or self.told.get("in_place"):
            return 0
        trained = trained_parameters(self.model, one)
        now = small_elements(self.model.architecture, one, COPIED_ELEMENTS - 1)
        counts = (min(size, TRAVELING_ELEMENTS) for size in (trained, now))
        return one.adapter_width * (next(counts) - next(counts))


LINES = ("several", "several_again", "several_graphs", "several_launched")
PLANS = ("choices", "choices_several", "choices_again", "choices_graphs")


@cache
def lines() -> tuple[Point, ...]:
    """Trainings whose passes are not recorded."""
    found = (_line(told) for name in LINES for told in read(name))
    return tuple(one for one in found if not one.profile.graph_sizes)


def _line(told: dict[str, Any]) -> Point:
    line = Line(told["line"], told["ranks"], False)
    name = f"{told['line']}, {told['ranks']} cards"
    return Point(name, told, line.model, profile_of(line, line.case(Path(), Path())))


@cache
def plans(name: str = "choices") -> tuple[Point, ...]:
    return tuple(_plan(told) for told in read(name))


def _plan(told: dict[str, Any]) -> Point:
    plan, search = plan_of(told)
    return Point(told["name"], told, search.facts, search.passing(plan))


def plan_of(told: dict[str, Any]) -> tuple[Profile, Search]:
    """Return a plan, and the search that it is of."""
    own = told["profile"].items()
    fields: dict[str, Any] = {key: tuple(one) if isinstance(one, list) else one for key, one in own}
    plan = Profile(**fields)
    return plan, Search(told["model"].split()[0], told["method"], plan.ranks)


def read(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (FOLDER / f"{name}.jsonl").read_text().splitlines()]


def every() -> tuple[Point, ...]:
    """All trainings whose passes are not recorded."""
    found = (one for name in PLANS for one in plans(name))
    return (*lines(), *(one for one in found if not one.profile.graph_sizes))


def recorded() -> Iterator[Point]:
    """Yield trainings whose passes are recorded as CUDA graphs."""
    every = (*map(_line, read("several_graphs")), *plans("choices_graphs"))
    return (one for one in every if one.profile.graph_sizes)


def test_there_are_thirty_points_of_several_ranks() -> None:
    several = [one for one in every() if one.profile.ranks > 1]
    engines = {one.profile.parallel for one in several}
    assert engines == {"ddp", "zero1", "zero2", "zero3", "fsdp2"}
    assert {one.profile.ranks for one in several} == {2, 4}
    assert {one.profile.offload for one in several} == {"none", "optimizer", "all"}
    assert len(several) == 95


def test_the_peaks_of_each_rank_are_met() -> None:
    errors = {one.name: one.error for one in every()}
    for name, error in sorted(errors.items(), key=lambda item: item[1]):
        print(f"{error:+.1%} {name}")
    several = [one.error for one in every() if one.profile.ranks > 1]
    assert sum(map(abs, several)) / len(several) <= 0.01
    assert max(errors.values()) <= 0.02
    assert min(several) >= -0.02


def test_the_peaks_of_chosen_plans_and_others_are_met() -> None:
    errors = {one.name: one.error for one in plans("choices_several")}
    for name, error in sorted(errors.items(), key=lambda item: item[1]):
        print(f"{error:+.1%} {name}")
    assert len(errors) == 18
    assert min(errors.values()) >= -0.005 and max(errors.values()) <= 0.01


def test_what_the_allocator_keeps_is_met_within_a_sixth() -> None:
    """Of what offloads nothing and has blocks of the same sizes in every step; without segments
    that grow, which a lock asks for where memory is scarce."""
    steady = (one for one in lines() if not one.profile.offloads and "=off" not in one.name)
    for one in (*steady, *plans()):
        found = one.estimate
        kept = found.peak.peak_bytes + kept_besides(found, one.profile.engine)
        print(f"{kept / one.told['reserved_bytes'] - 1:+.1%} {one.name}")
        assert 5 / 6 < kept / one.told["reserved_bytes"] < 1.1, one.name


def test_plans_leave_room_for_recorded_passes() -> None:
    found = list(recorded())
    for one in found:
        peak, reserved = one.estimate.peak.peak_bytes, one.told["reserved_bytes"]
        print(
            f"{peak / reserved - 1:+.1%} {with_room(peak, one.profile) / reserved:.2f} {one.name}"
        )
        assert peak < reserved <= with_room(peak, one.profile), one.name
    assert len(found) == 11
