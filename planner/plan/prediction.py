"""The `[prediction]` of a lock: memory, disk space, time and cost of a run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from planner import speed
from planner.catalogue.lookup import Accelerator
from planner.interview.answers import Answers
from planner.machines.facts import TimedStep
from planner.memory import ESTIMATOR, trained_parameters
from planner.memory.recorded_passes import unrehearsed
from planner.models.facts import ModelFacts
from planner.pipeline.kind import Sizes
from planner.pipeline.stages import disk_bytes
from planner.plan.gather import PlanFacts
from planner.plan.rehearsed_time import measured_time, rehearsed, timed_step
from planner.search.choose import Choice
from planner.search.from_answers import used
from planner.search.rehearsal import ESTIMATOR as MEASURED
from planner.search.rehearsal import Rehearsal, host_seconds
from planner.speed.duration import Duration, Schedule, by_tokens, duration
from planner.speed.host import accelerator, on_slow_host, said
from planner.speed.rate import Lengths, rate_of
from planner.speed.setups import timed
from planner.speed.warm_up import warm_up_seconds

HOUR = 3600
_TIMED = ("by", "seconds", "tokens", "evaluation_seconds", "evaluation_tokens", "save_seconds")
"""The fields of a measured step that a lock holds, there with `timed_` before their names."""
UNEXPLAINED = "not in the estimate"
"""The component for what a measured peak has beyond the estimate; may be negative."""


@dataclass(frozen=True)
class Predicted:
    """A prediction, as a lock holds it."""

    table: dict[str, object]
    """The fields of `[prediction]`."""
    why: dict[str, str]
    """The reasons of its fields, by dotted key."""


def predict(
    choice: Choice,
    answers: Answers,
    facts: PlanFacts,
    evaluate_steps: int,
    stages: Sequence[Mapping[str, object]],
) -> Predicted:
    """Return the prediction for a plan with these stages, evaluated each `evaluate_steps` steps."""
    machine = used(answers, facts.machine)
    card = accelerator(machine, host_seconds(facts.rehearsal), choice.nodes)
    schedule = _schedule(choice, answers, facts, evaluate_steps)
    found = duration(facts.model, choice.profile, card, schedule)
    ran, measured = rehearsed(choice, facts), timed_step(choice, facts)
    step = (
        None
        if measured
        else timed(facts.machine.timed, facts.model, choice.profile, choice.threads)
    )
    if measured:
        found = measured_time(found, measured, choice, facts, card, schedule)
    elif step:
        found = by_tokens(step, choice.profile, schedule)
    before = _warm_up(choice, facts, card)
    found = replace(found, seconds=found.seconds + before) if found else None
    price = answers.number("machine.price_per_hour")
    time: dict[str, object] = {
        "step_seconds": _rounded(found.step_seconds) if found else 0.0,
        "seconds": _rounded(found.seconds) if found else 0.0,
        "cost": round(price * found.seconds / HOUR, 2) if found else 0.0,
    }
    time |= _flops_share(found, choice, facts, card, schedule.epochs) if found else {}
    space = _space(choice, facts, stages)
    why = _reasons(found, choice, facts, card, schedule) if found else {}
    if found and measured and facts.rehearsal:
        why = _measured_why(found, choice, facts.rehearsal, measured)
    why = _with_warm_up(why, before)
    if found and ran:
        space |= _measured_space(facts, choice, ran)
        why |= {"prediction.peak_bytes": f"Measured by a rehearsal on {ran.where}."}
    if found and step:
        values = {f"timed_{name}": getattr(step, name) for name in _TIMED}
        time |= {name: value for name, value in values.items() if value}
        why = _timed_why(found, choice, step)
    return Predicted(space | time, why | _ran_out(facts.rehearsal))


def _warm_up(choice: Choice, facts: PlanFacts, card: Accelerator | None) -> float:
    """Return the seconds for compiling and recording; 0 where the card's speed is not known."""
    if card is None or not speed.known(facts.model.architecture, choice.profile, card):
        return 0.0
    return warm_up_seconds(facts.model, choice.profile, card)


def _with_warm_up(why: dict[str, str], seconds: float) -> dict[str, str]:
    """Return reasons with what compiling and recording take of the time, if they take any."""
    if not seconds or not why:
        return why
    said = f" The time includes {_about(seconds)} before the first step."
    return why | {"prediction.seconds": why["prediction.seconds"] + said}


def _about(seconds: float) -> str:
    return f"about {seconds:.0f} s" if round(seconds) else "less than 1 s"


def _measured_space(facts: PlanFacts, choice: Choice, rehearsed: Rehearsal) -> dict[str, object]:
    """Return the measured peak with its components, including the unexplained part.

    A rehearsal on a CPU has a few rows only, so the memory of all rows is added. On a card it
    records passes of one size, so that of the other recordings is.
    """
    measured = rehearsed.measured
    known = {phase.name: phase for phase in choice.estimate.phases}
    parts = dict(known[measured.phase].components)
    more = unrehearsed(facts.model.architecture, choice.profile)
    peak = measured.allocated_bytes + parts.get("rows", 0) + more
    return {
        "estimator": MEASURED,
        "phase": measured.phase,
        "peak_bytes": peak,
        "components": parts | {UNEXPLAINED: peak - sum(parts.values())},
    }


def _ran_out(rehearsal: Rehearsal | None) -> dict[str, str]:
    """Return the reason for a rehearsal that ran out of memory."""
    if not rehearsal or rehearsal.fitted:
        return {}
    ran = rehearsal.case.profile
    at_once = (
        f"passes of {ran.pass_tokens:,} tokens"
        if ran.pass_tokens
        else f"micro-batch {ran.micro_batch}"
    )
    return {
        "prediction.peak_bytes": f"Estimated: a rehearsal with {at_once} ran out of memory on "
        f"{rehearsal.where}."
    }


def _average(found: Duration, choice: Choice) -> str:
    padding = "without" if choice.profile.pass_tokens else "including"
    return f"An average step has {found.padded_tokens:,.0f} tokens, {padding} padding."


def _measured_why(
    found: Duration, choice: Choice, rehearsal: Rehearsal, step: TimedStep
) -> dict[str, str]:
    return {
        "prediction.seconds": f"{_average(found, choice)} A rehearsed step of {step.tokens:,} "
        f"tokens took {step.seconds:.2g} s on {rehearsal.where}.",
    }


def _timed_why(found: Duration, choice: Choice, step: TimedStep) -> dict[str, str]:
    average = _average(found, choice)
    measured = "A run measured" if step.by == "run" else "A rehearsal measured"
    words = (
        f"{average} {measured} {step.seconds:.2g} s for a step of {step.tokens:,} tokens"
        f"{' in each process' if choice.profile.ranks > 1 else ''}"
    )
    if step.evaluation_seconds:
        words += (
            f", {step.evaluation_seconds:.2g} s for an evaluation of "
            f"{step.evaluation_tokens:,} tokens"
        )
    if step.save_seconds:
        words += f", {step.save_seconds:.2g} s for a checkpoint"
    return {"prediction.seconds": f"{words} on this processor."}


def _rounded(seconds: float) -> float:
    return float(f"{seconds:.4g}")


def _flops_share(
    found: Duration, choice: Choice, facts: PlanFacts, card: Accelerator | None, epochs: int
) -> dict[str, object]:
    """Return the share of the cards' rate that training needs; empty where it is unknown."""
    rows = Lengths.of(facts.stream.lengths, choice.profile, facts.stream.tokens)
    took = found.step_seconds * found.steps / epochs
    rate = rate_of(facts.model.architecture, choice.profile, card, rows, took)
    return {"flops_share": _rounded(rate.flops_share)} if rate.flops_share else {}


def _space(
    choice: Choice, facts: PlanFacts, stages: Sequence[Mapping[str, object]]
) -> dict[str, object]:
    peak = choice.estimate.peak
    return {
        "estimator": ESTIMATOR,
        "phase": peak.name,
        "peak_bytes": peak.peak_bytes,
        "components": dict(peak.components),
        **_process_origin(choice),
        "disk_bytes": disk_bytes(stages, _sizes(choice, facts.model)),
    }


def _process_origin(choice: Choice) -> dict[str, object]:
    if choice.profile.device != "cpu":
        return {}
    return {"process_origin": "measured" if choice.profile.process_bytes else "assumed"}


SHARED_STATE_BYTES = 12
"""Of each trained parameter in a checkpoint of engines that share states: three float32 values."""


def _sizes(choice: Choice, model: ModelFacts) -> Sizes:
    plan, full = choice.profile, choice.kind == "full"
    trained = model.parameters if full else trained_parameters(model, plan)
    width = plan.width if full else plan.adapter_width
    checkpoint = trained * (width + SHARED_STATE_BYTES) if plan.sharded else 0
    return Sizes(model.parameters, model.dtype, trained * width, checkpoint)


def _schedule(choice: Choice, answers: Answers, facts: PlanFacts, evaluate_steps: int) -> Schedule:
    return Schedule(
        lengths=facts.stream.lengths,
        held_out=facts.stream.held_out,
        seed=answers.integer("train.seed"),
        epochs=answers.integer("train.epochs"),
        accumulation=choice.accumulation,
        evaluate_steps=evaluate_steps,
    )


def _reasons(
    found: Duration, choice: Choice, facts: PlanFacts, card: Accelerator | None, schedule: Schedule
) -> dict[str, str]:
    """Return the reason for an estimated time, with what a slow host would take if it matters."""
    if card is None:
        return {}
    reason = f"{_average(found, choice)} {speed.basis(card.name)}{_unlike(choice, facts, card)}"
    slow = duration(facts.model, choice.profile, on_slow_host(card), schedule)
    more = ""
    if slow and not host_seconds(facts.rehearsal):
        more = said(found.step_seconds, slow.step_seconds)
    return {"prediction.seconds": f"{reason} {more}".rstrip()}


def _unlike(choice: Choice, facts: PlanFacts, card: Accelerator) -> str:
    """Return a sentence on cards of different kinds that train together; empty where all are of one
    kind."""
    cards = facts.machine.training(choice.profile.ranks // choice.nodes)
    if len({gpu.name for gpu in cards.gpus}) < 2:
        return ""
    return (
        f" The cards differ: steps take as long as on the slowest, `{card.name}`, and memory is "
        "that of the card with the least free."
    )
