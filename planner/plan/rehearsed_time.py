"""The duration of a run from steps that a rehearsal timed."""

from dataclasses import replace

from planner.catalogue.lookup import Accelerator
from planner.machines.facts import TimedStep
from planner.plan.gather import PlanFacts
from planner.search.choose import Choice
from planner.search.rehearsal import Rehearsal
from planner.search.tuned import Tuned
from planner.speed.duration import Duration, Schedule, by_tokens, duration, seconds_of_step


def rehearsed(choice: Choice, facts: PlanFacts) -> Rehearsal | None:
    """Return the rehearsal if it ran the chosen plan in enough memory, else None."""
    found = facts.rehearsal
    return found if found and found.fitted and found.is_of(choice.profile) else None


def timed_step(choice: Choice, facts: PlanFacts) -> TimedStep | None:
    """Return a step of the chosen plan that a rehearsal timed: of average rows if it compared
    finalists, else that of the greatest micro-batch; None without either."""
    ran, tuned = rehearsed(choice, facts), facts.rehearsal and facts.rehearsal.tuned
    greatest = ran.timed() if ran else None
    average = tuned.timed(choice.profile) if tuned else None
    if not average or not greatest:
        return average or greatest
    return replace(
        average,
        evaluation_seconds=greatest.evaluation_seconds,
        evaluation_tokens=greatest.evaluation_tokens,
    )


def measured_time(
    found: Duration | None,
    step: TimedStep,
    choice: Choice,
    facts: PlanFacts,
    card: Accelerator | None,
    schedule: Schedule,
) -> Duration:
    """Return the duration of a run, scaled from the measured step.

    The scale is the ratio of estimated times where the card's speed is known, else that of tokens.
    """
    expected = _expected(choice, facts, card, schedule)
    if not found or not expected:
        return by_tokens(step, choice.profile, schedule)
    share = step.seconds / expected
    return replace(found, step_seconds=share * found.step_seconds, seconds=share * found.seconds)


def _expected(
    choice: Choice, facts: PlanFacts, card: Accelerator | None, schedule: Schedule
) -> float | None:
    """Return the estimate of the measured step; None where the card's speed is unknown."""
    tuned = facts.rehearsal.tuned if facts.rehearsal else None
    if tuned and tuned.timed(choice.profile):
        return _expected_of(tuned, choice, facts, card, schedule)
    ran = rehearsed(choice, facts)
    assert ran
    case = ran.case
    return seconds_of_step(facts.model, case.profile, card, case.lengths, case.accumulation)


def _expected_of(
    tuned: Tuned, choice: Choice, facts: PlanFacts, card: Accelerator | None, schedule: Schedule
) -> float | None:
    rows = [length for step in tuned.lengths[: tuned.steps] for length in step]
    some = replace(schedule, lengths=rows, held_out=(), epochs=1)
    found = duration(facts.model, choice.profile, card, some)
    return found.step_seconds if found else None
