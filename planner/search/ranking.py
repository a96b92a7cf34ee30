"""Which of the plans that fit to choose: the fastest of the first method that fits."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from planner.search.candidates import Candidates
from planner.setup.setup import Kind, Profile
from planner.speed.duration import Schedule, duration
from planner.speed.host import accelerator

SAMPLE_ROWS = 512
"""Rows by which plans are compared."""
Plan = TypeVar("Plan")
TIE = 0.03
"""Share of the time within which one plan counts as fast as another."""


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

    Plans of one speed are compared by their estimates: what was measured of one says nothing of
    the others, and the rehearsed plan stays the chosen one.
    """
    wanted = (plan for plan in candidates.of(kind) if packing in (None, plan.packing))
    fitting = filter(candidates.fits, wanted)
    return fastest(fitting, lambda plan: seconds(candidates, plan), candidates.estimated)


def fastest(
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


def slower(other: float | None, chosen: float | None) -> str:
    """Return the end of a sentence on a plan that would fit, by its seconds and the chosen's."""
    if not other or not chosen:
        return "."
    more = other / chosen - 1
    return f", and take {more:.0%} longer." if more > TIE else ", and be no faster."


def seconds(candidates: Candidates, plan: Profile) -> float | None:
    """Return how long a sample of the rows takes; None where the device's speed is not known."""
    if plan not in candidates.timed:
        card = accelerator(candidates.machine, candidates.host_seconds)
        found = duration(candidates.model, plan, card, _sample(candidates, plan))
        candidates.timed[plan] = found.seconds if found else None
    return candidates.timed[plan]


def _sample(candidates: Candidates, plan: Profile) -> Schedule:
    lengths, answers = candidates.lengths, candidates.answers
    sample = lengths[:: -(-len(lengths) // SAMPLE_ROWS)] if lengths else ()
    return Schedule(
        lengths=sample or (candidates.longest,) * min(candidates.rows, SAMPLE_ROWS),
        held_out=(),
        seed=answers.integer("train.seed"),
        epochs=1,
        accumulation=answers.integer("train.effective_batch") // (plan.micro_batch * plan.ranks),
        evaluate_steps=1,
    )
