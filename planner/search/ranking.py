"""Which of the plans that fit to choose: the fastest of the first method that fits."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from planner.search.candidates import Candidates
from planner.setup.setup import Kind, Profile
from planner.speed.duration import Schedule, duration

SAMPLE_ROWS = 512
"""Rows by which plans are compared."""
TIE = 0.03
"""Share of the time within which one plan counts as fast as another."""
Plan = TypeVar("Plan")


def best(candidates: Candidates) -> Profile | None:
    """Return the plan to choose, or None where no plan fits.

    Of plans that take as good as the same time it is the one that needs least memory. Where the
    device's speed is not known, it is the first that fits in the order of the candidates.
    """
    for kind in candidates.kinds:
        if found := fastest_of(candidates, kind):
            return found
    return None


def fastest_of(candidates: Candidates, kind: Kind, packing: bool | None = None) -> Profile | None:
    """Return the plan to choose of a method, or of those of its plans that pack or do not.

    Of several ways to share the work it is of the first one in which a plan fits: what comes
    later adds traffic between cards. Plans of one speed are compared by their estimates: what was
    measured of one says nothing of the others, and the rehearsed plan stays the chosen one.
    """
    for layout in candidates.layouts_of(kind):
        wanted = (p for p in candidates.of(kind, layout) if packing in (None, p.packing))
        fitting = filter(candidates.fits, wanted)
        if found := _fastest(fitting, lambda p: seconds(candidates, p), candidates.estimated):
            return found
    return None


def best_or_least(candidates: Candidates, kind: Kind) -> Profile:
    """Return the plan to choose of a method, or the one that needs least where none fits."""
    return fastest_of(candidates, kind) or candidates.least(kind)


def _fastest(
    plans: Iterable[Plan],
    seconds: Callable[[Plan], float | None],
    need: Callable[[Plan], int],
) -> Plan | None:
    """Return the fastest of some plans, or of those that are as fast the one that needs least.

    `seconds` tells how long a plan takes for the same work as the others, or None where that is
    not known: then it is the first plan.
    """
    rest = iter(plans)
    first = next(rest, None)
    if first is None or seconds(first) is None:
        return first
    times = [(seconds(plan) or 0.0, plan) for plan in (first, *rest)]
    least = min(time for time, _ in times)
    return min((plan for time, plan in times if time <= (1 + TIE) * least), key=need)


def slower(candidates: Candidates, other: Profile, chosen: Profile) -> str:
    """Return the end of a sentence on a plan that would fit: how much longer it would take."""
    return slower_by(seconds(candidates, other), seconds(candidates, chosen))


def slower_by(other: float | None, chosen: float | None) -> str:
    """Return the same by the seconds of both."""
    if not other or not chosen:
        return "."
    more = other / chosen - 1
    return f", and take {more:.0%} longer." if more > TIE else ", and be no faster."


def seconds(candidates: Candidates, plan: Profile) -> float | None:
    """Return how long a plan takes for each row; None where the device's speed is not known."""
    if plan not in candidates.timed:
        schedule = _sample(candidates, plan)
        found = duration(candidates.model, plan, candidates.card, schedule)
        candidates.timed[plan] = found.seconds / len(schedule.lengths) if found else None
    return candidates.timed[plan]


def step_seconds(candidates: Candidates, plan: Profile) -> float | None:
    """Return how long a step takes; None where the device's speed is not known."""
    found = duration(candidates.model, plan, candidates.card, _sample(candidates, plan))
    return found.step_seconds if found else None


def _sample(candidates: Candidates, plan: Profile) -> Schedule:
    """Return a sample of the rows, or one step where they are all of one length."""
    asked, accumulation = candidates.request, candidates.accumulation(plan.micro_batch)
    step = (asked.longest,) * (plan.micro_batch * accumulation)
    few = asked.lengths[:: -(-len(asked.lengths) // SAMPLE_ROWS)] if candidates.differ else step
    return Schedule(
        lengths=few,
        held_out=(),
        seed=asked.seed,
        epochs=1,
        accumulation=accumulation,
        evaluate_steps=1,
    )
