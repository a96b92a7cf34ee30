"""The `[prediction]` of a lock: the memory, the disk, the time and the money that a run takes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from planner import speed
from planner.catalogue.lookup import Accelerator
from planner.interview.answers import Answers
from planner.memory import ESTIMATOR, trained_parameters
from planner.models.facts import ModelFacts
from planner.pipeline.kind import Sizes
from planner.pipeline.stages import disk_bytes
from planner.plan.gather import PlanFacts
from planner.search.choose import Choice
from planner.search.from_answers import counted
from planner.search.rehearsal import ESTIMATOR as MEASURED
from planner.search.rehearsal import Rehearsal, host_seconds
from planner.speed.duration import Duration, Schedule, by_tokens, duration, seconds_of_step
from planner.speed.host import accelerator

HOUR = 3600
UNEXPLAINED = "beside the estimate"
"""The component by which a measured peak differs from the estimated ones; may be below 0."""


@dataclass(frozen=True)
class Predicted:
    """What a plan is predicted to take, as a lock says it."""

    table: dict[str, object]
    """The fields of `[prediction]`."""
    why: dict[str, str]
    """A sentence for each of them that needs one, by its dotted key."""


def predict(
    choice: Choice,
    answers: Answers,
    facts: PlanFacts,
    evaluate_steps: int,
    stages: Sequence[Mapping[str, object]],
) -> Predicted:
    """Return what a plan with these stages takes that is evaluated every `evaluate_steps` steps."""
    card = accelerator(counted(answers, facts.machine), host_seconds(facts.rehearsal))
    schedule = _schedule(choice, answers, facts, evaluate_steps)
    found = duration(facts.model, choice.profile, card, schedule)
    rehearsed = _rehearsed(choice, facts)
    if rehearsed:
        found = _measured_time(found, rehearsed, choice, facts, card, schedule)
    price = answers.number("machine.price_per_hour")
    time = {
        "step_seconds": _rounded(found.step_seconds) if found else 0.0,
        "seconds": _rounded(found.seconds) if found else 0.0,
        "cost": round(price * found.seconds / HOUR, 2) if found else 0.0,
    }
    space = _space(choice, facts, stages)
    if found and rehearsed:
        measured = _measured_space(space, choice, rehearsed)
        return Predicted(space | measured | time, _measured_why(found, rehearsed))
    why = _why(found, card) if found and card else {}
    return Predicted(space | time, why | _ran_out(facts.rehearsal))


def _rehearsed(choice: Choice, facts: PlanFacts) -> Rehearsal | None:
    """Return the rehearsal of the plan that was chosen, if it is one and had enough memory."""
    found = facts.rehearsal
    return found if found and found.fitted and found.is_of(choice.profile) else None


def _measured_time(
    found: Duration | None,
    rehearsed: Rehearsal,
    choice: Choice,
    facts: PlanFacts,
    card: Accelerator | None,
    schedule: Schedule,
) -> Duration:
    """Return the duration by the step that was measured: the run's others are shorter.

    Where the card's rates are known they say by how much, and otherwise the tokens do.
    """
    case, measured = rehearsed.case, rehearsed.measured.warm_step_seconds
    expected = seconds_of_step(facts.model, case.profile, card, case.lengths, case.accumulation)
    if not found or not expected:
        return by_tokens(measured, case.step_tokens, choice.profile, schedule)
    share = measured / expected
    return replace(found, step_seconds=share * found.step_seconds, seconds=share * found.seconds)


def _measured_space(
    space: Mapping[str, object], choice: Choice, rehearsed: Rehearsal
) -> dict[str, object]:
    """Return the measured peak, and what the closed form does not explain of it."""
    measured = rehearsed.measured
    known = {phase.name: phase for phase in choice.estimate.phases}
    parts = dict(known[measured.phase].components)
    return {
        "estimator": MEASURED,
        "phase": measured.phase,
        "peak_bytes": measured.allocated_bytes,
        "components": parts | {UNEXPLAINED: measured.allocated_bytes - sum(parts.values())},
    }


def _ran_out(rehearsal: Rehearsal | None) -> dict[str, str]:
    """Return what a rehearsal says of the plans that its own is not among any more."""
    if not rehearsal or rehearsal.fitted:
        return {}
    rows = rehearsal.case.profile.micro_batch
    return {
        "prediction.peak_bytes": f"Estimated: a rehearsal with {rows} rows at once ran out of "
        f"memory on {rehearsal.where}."
    }


def _measured_why(found: Duration, rehearsed: Rehearsal) -> dict[str, str]:
    step = f"A mean step has {found.padded_tokens:,.0f} tokens, padding among them."
    tokens, seconds = rehearsed.case.step_tokens, rehearsed.measured.warm_step_seconds
    return {
        "prediction.peak_bytes": f"Measured by a rehearsal on {rehearsed.where}.",
        "prediction.seconds": f"{step} A rehearsed one of {tokens:,} took {seconds:.2g} s on "
        f"{rehearsed.where}.",
    }


def _rounded(seconds: float) -> float:
    return float(f"{seconds:.4g}")


def _space(
    choice: Choice, facts: PlanFacts, stages: Sequence[Mapping[str, object]]
) -> dict[str, object]:
    peak = choice.estimate.peak
    return {
        "estimator": ESTIMATOR,
        "phase": peak.name,
        "peak_bytes": peak.peak_bytes,
        "components": dict(peak.components),
        "disk_bytes": disk_bytes(stages, _sizes(choice, facts.model)),
    }


def _sizes(choice: Choice, model: ModelFacts) -> Sizes:
    plan, full = choice.profile, choice.kind == "full"
    trained = model.parameters if full else trained_parameters(model, plan)
    width = plan.width if full else plan.adapter_width
    return Sizes(model.parameters, model.dtype, trained_bytes=trained * width)


def _schedule(choice: Choice, answers: Answers, facts: PlanFacts, evaluate_steps: int) -> Schedule:
    """Return what one process goes through: every so many rows of those that all share."""
    processes = choice.profile.ranks
    return Schedule(
        lengths=facts.stream.lengths[::processes],
        held_out=facts.stream.held_out[::processes],
        seed=answers.integer("train.seed"),
        epochs=answers.integer("train.epochs"),
        accumulation=choice.accumulation,
        evaluate_steps=evaluate_steps,
    )


def _why(found: Duration, card: Accelerator) -> dict[str, str]:
    step = f"A mean step has {found.padded_tokens:,.0f} tokens, padding among them."
    return {"prediction.seconds": f"{step} {speed.basis(card.name)}"}
