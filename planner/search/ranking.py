"""Which plan to choose: the fastest that fits, of the first method that has one."""

import random
from collections.abc import Callable, Iterable, Sequence
from statistics import median
from typing import TypeVar

from planner.parallelism.layouts import Layout
from planner.search.candidates import Candidates
from planner.setup.setup import Kind, Profile
from planner.speed import host
from planner.speed.duration import Duration, Schedule, by_tokens, duration
from planner.speed.rate import Lengths, Rate, rate_of
from planner.speed.setups import timed
from planner.speed.warm_up import warm_up_seconds

SAMPLE_ROWS = 512
"""Rows of the sample on which plans are compared."""
TIE = 0.03
"""Plans whose times differ by less than this share count as equally fast."""
TIMED_TIE = 0.05
"""The same for plans that were timed on the device, whose speed varies: the one that was planned
is kept."""
LAYOUT_TIE = 0.05
"""The same for plans in different layouts, whose times are known less well."""
Plan = TypeVar("Plan")


def best(candidates: Candidates) -> Profile | None:
    """Return the plan to choose, or None where no plan fits.

    Among plans that are equally fast, it is the one that needs the least memory, of those that a
    slow host would not slow down, if the host was not measured. Where the device's speed is
    unknown, it is the first candidate that fits.
    """
    for kind in candidates.kinds:
        if found := fastest_of(candidates, kind):
            return found
    return None


def fastest_of(candidates: Candidates, kind: Kind, packing: bool | None = None) -> Profile | None:
    """Return the plan to choose of one method, with `packing` set or left open; None if none fits.

    It is the fastest of those that offload as little as possible. Equally fast plans of one layout
    are compared by their estimates, not by a rehearsal: what was measured for one says nothing
    about the others, and the rehearsed plan stays the chosen one. Where finalists of a search were
    timed, the choice is among them.
    """
    allowed = candidates.layouts_of(kind)
    for offload in dict.fromkeys(kept for _, kept in allowed):
        found = (
            fastest_in(candidates, kind, layout, packing)
            for layout in allowed
            if layout[1] == offload
        )
        if quickest := _quickest(candidates, [plan for plan in found if plan]):
            return quickest
    return None


def fastest_in(
    candidates: Candidates, kind: Kind, layout: Layout, packing: bool | None = None
) -> Profile | None:
    """Return the fastest plan of a layout that fits."""
    wanted = (p for p in candidates.of(kind, layout) if packing in (None, p.packing))
    fitting: Iterable[Profile] = filter(candidates.fits, wanted)
    if candidates.tuned:
        fitting = list(fitting)
        if chosen := _of_finalists(candidates, fitting):
            return chosen
    return _fastest(fitting, lambda p: seconds(candidates, p), lambda p: _worse(candidates, p))


def _quickest(candidates: Candidates, plans: Sequence[Profile]) -> Profile | None:
    """Return the fastest of plans in different layouts; of equally fast ones, the first."""
    times = [seconds(candidates, plan) for plan in plans]
    known = [time for time in times if time]
    if len(known) < len(plans) or not plans:
        return plans[0] if plans else None
    least = (1 + LAYOUT_TIE) * min(known)
    return next(plan for plan, time in zip(plans, known, strict=True) if time <= least)


def _of_finalists(candidates: Candidates, plans: Iterable[Profile]) -> Profile | None:
    """Return the fastest of some plans that are finalists, the earliest among equally fast ones.

    Finalists for which no time was left count with their estimates; None where none of the plans
    was timed.
    """
    tuned = candidates.tuned
    if not tuned:
        return None
    found: dict[int, tuple[float, Profile]] = {}
    for plan in plans:
        at, took = tuned.index(plan), seconds(candidates, plan)
        if at is not None and took and tuned.finalists[at].untimed in ("", "time"):
            found.setdefault(at, (took, plan))
    if all(tuned.finalists[at].untimed for at in found):
        return None
    least = min(took for took, _ in found.values())
    near = (at for at, (took, _) in found.items() if took <= (1 + TIMED_TIE) * least)
    return found[min(near)][1]


def best_or_least(candidates: Candidates, kind: Kind) -> Profile:
    """Return the plan to choose of a method; where none fits, the one that needs the least."""
    return fastest_of(candidates, kind) or candidates.least(kind)


def _worse(candidates: Candidates, plan: Profile) -> tuple[bool, int]:
    """Return what equally fast plans are compared by, the better one first: whether a slow host
    would slow a plan down, where the host was not measured, and its memory in bytes."""
    card, need = candidates.card, candidates.estimated(plan)
    if not card or card.host != host.ASSUMED:
        return False, need
    usual, slow = (
        duration(candidates.model, plan, one, _sample(candidates, plan))
        for one in (card, host.on_slow_host(card))
    )
    return bool(usual and slow and host.said(usual.step_seconds, slow.step_seconds)), need


def _fastest(
    plans: Iterable[Plan],
    seconds: Callable[[Plan], float | None],
    worse: Callable[[Plan], tuple[bool, int]],
) -> Plan | None:
    """Return the fastest of some plans; among equally fast ones, the one that is least `worse`.

    `seconds` returns how long a plan takes for the same work as the others. Where it returns None
    for the first plan, that plan is the result.
    """
    rest = iter(plans)
    first = next(rest, None)
    if first is None or seconds(first) is None:
        return first
    times = [(seconds(plan) or 0.0, plan) for plan in (first, *rest)]
    least = min(time for time, _ in times)
    return min((plan for time, plan in times if time <= (1 + TIE) * least), key=worse)


def slower(candidates: Candidates, other: Profile, chosen: Profile) -> str:
    """Return how much longer another plan would take, as the end of a sentence."""
    return slower_by(seconds(candidates, other), seconds(candidates, chosen))


def slower_by(other: float | None, chosen: float | None) -> str:
    """Return the same for two durations in seconds, or None where one is unknown."""
    if not other or not chosen:
        return "."
    more = other / chosen - 1
    return f" but would take {more:.0%} longer." if more > TIE else " but would not be faster."


def seconds(candidates: Candidates, plan: Profile) -> float | None:
    """Return the seconds that a plan takes per row; None where the device's speed is unknown.

    They are measured for finalists that were timed; the estimates of other plans are scaled by
    what those took.
    """
    if plan not in candidates.timed:
        each = _measured(candidates, plan)
        if each is None and (each := _estimated(candidates, plan)):
            each *= _scale(candidates)
        candidates.timed[plan] = each and each + _warm_up(candidates, plan)
    return candidates.timed[plan]


def _measured(candidates: Candidates, plan: Profile) -> float | None:
    """Return the seconds per row of a finalist, without warm-up; None if it was not timed."""
    took = candidates.tuned.step_seconds(plan) if candidates.tuned else None
    return took / candidates.tuned.rows if candidates.tuned and took else None


def _estimated(candidates: Candidates, plan: Profile) -> float | None:
    """Return the same by the estimate; None where the device's speed is unknown."""
    schedule = _sample(candidates, plan)
    found = duration(candidates.model, plan, candidates.card, schedule)
    return found.seconds / len(schedule.lengths) if found else None


def _scale(candidates: Candidates) -> float:
    """Return how many times as long as estimated the timed finalists took, the median of them."""
    if not candidates.scale:
        found = [
            took / expected
            for plan in (candidates.tuned.profiles() if candidates.tuned else ())
            if candidates.may_have(plan)
            and (took := _measured(candidates, plan))
            and (expected := _estimated(candidates, plan))
        ]
        candidates.scale.append(median(found) if found else 1.0)
    return candidates.scale[0]


def _warm_up(candidates: Candidates, plan: Profile) -> float:
    """Return the seconds before the first step, shared by the rows of a run; 0 for one of unknown
    length."""
    asked, card = candidates.request, candidates.card
    if asked.rows is None or card is None:
        return 0.0
    return warm_up_seconds(candidates.model, plan, card) / (asked.rows * asked.epochs)


def on_slow_host(candidates: Candidates, plan: Profile) -> float | None:
    """Return the seconds of an optimizer step with a slow host, by a sample of the rows; None where
    the card's speed is unknown."""
    card = candidates.card and host.on_slow_host(candidates.card)
    found = duration(candidates.model, plan, card, _sample(candidates, plan))
    return found.step_seconds if found else None


def timing(candidates: Candidates, plan: Profile, threads: int = 0) -> tuple[float, Rate] | None:
    """Return the seconds of an optimizer step and the rate of training, by a sample of the rows.

    None where the device's speed is unknown. On a CPU, with that many threads, they follow from a
    step that was measured.
    """
    schedule, shape = _sample(candidates, plan), candidates.model.architecture
    step = timed(candidates.machine.timed, candidates.model, plan, threads)
    if step:
        found: Duration | None = by_tokens(step, plan, schedule)
    else:
        found = duration(candidates.model, plan, candidates.card, schedule)
    if not found:
        return None
    trained = Lengths.of(schedule.lengths, plan, _tokens(candidates, schedule.lengths))
    took = found.step_seconds * found.steps
    return found.step_seconds, rate_of(shape, plan, candidates.card, trained, took)


def _tokens(candidates: Candidates, lengths: Sequence[int]) -> float:
    """Return the tokens of a sample with these lengths over all sequences; 0 where unknown."""
    longest = sum(candidates.request.lengths)
    return candidates.request.tokens / longest * sum(lengths) if longest else 0.0


def _sample(candidates: Candidates, plan: Profile) -> Schedule:
    """Return a sample of the rows; a single step where all rows are equally long."""
    asked, accumulation = candidates.request, candidates.accumulation(plan.micro_batch)
    rows = plan.micro_batch * accumulation * plan.ranks
    return Schedule(
        lengths=_few(candidates, rows) if candidates.differ else (asked.longest,) * rows,
        held_out=(),
        seed=asked.seed,
        epochs=1,
        accumulation=accumulation,
        evaluate_steps=1,
    )


def _few(candidates: Candidates, rows: int) -> Sequence[int]:
    """Return the lengths of some of the rows, by the seed: every so many-th row may be unlike the
    others. With several processes they are those of complete steps of `rows`."""
    asked = candidates.request
    count = min(len(asked.lengths), SAMPLE_ROWS)
    if asked.processes > 1:
        count = max(1, count // rows) * rows
    return random.Random(asked.seed).sample(asked.lengths, count)
