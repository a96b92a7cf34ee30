"""The answer of `tunelock fit`: a plan for each method, with its reasons and its step time."""

from collections.abc import Iterable
from dataclasses import dataclass

from lockfiles.errors import DoesNotFit
from lockfiles.fixes import Advice
from planner.fit.alternatives import way_out
from planner.fit.contradictions import check
from planner.fit.reasons import describe, lack, where, why
from planner.fit.request import Plan
from planner.fit.search import Search
from planner.machines.occupancy import taken
from planner.speed import step_seconds


@dataclass(frozen=True)
class Answer:
    """The plan for one method."""

    plan: Plan
    """The plan to prefer of those that fit, or the one that needs least."""
    step_seconds: float | None
    """An optimizer's step, in seconds; None where the device's speed is not known."""
    reasons: tuple[str, ...]
    """Sentences: why it is as it is, or what would fit."""

    @property
    def tokens_per_second(self) -> float | None:
        """Of all cards together, padding among them; None where the step's time is not known."""
        profile = self.plan.profile
        tokens = profile.tokens * profile.ranks * self.plan.accumulation
        return tokens / self.step_seconds if self.step_seconds and self.plan.fits else None


def answers(search: Search) -> tuple[Answer, ...]:
    """Return an answer for each method. Raises UsageProblem as `contradictions.check` does."""
    check(search)
    found = []
    for plan in map(search.best, search.methods):
        seconds = step_seconds(search.model, plan.profile, search.card, plan.accumulation)
        found.append(Answer(plan, seconds, tuple(why(search, plan))))
    return tuple(found)


def record(search: Search, found: Iterable[Answer]) -> dict[str, object]:
    """Return what `tunelock fit --json` prints."""
    return {
        "model": _model(search),
        "machine": _machine(search),
        "plans": [_plan(search, answer) for answer in found],
    }


def _model(search: Search) -> dict[str, object]:
    model = search.model
    return {
        "name": model.name,
        "source": model.source,
        "family": model.architecture.family,
        "parameters": model.parameters,
        "context": model.architecture.context,
        "licence": model.licence,
        "gated": model.gated,
    }


def _machine(search: Search) -> dict[str, object]:
    machine = search.machine
    return {
        "kind": machine.kind,
        "name": machine.gpus[0].name if machine.gpus else machine.processor or "cpu",
        "count": search.ranks,
        "memory_bytes": min((gpu.memory_bytes for gpu in machine.gpus), default=machine.ram_bytes),
        "counted_bytes": machine.counted_memory_bytes,
    }


def _plan(search: Search, answer: Answer) -> dict[str, object]:
    plan, profile = answer.plan, answer.plan.profile
    return {
        "objective": profile.objective,
        "method": profile.method,
        "rank": profile.rank,
        "length": profile.length,
        "micro_batch": profile.micro_batch,
        "accumulation": plan.accumulation,
        "checkpointing": profile.checkpointing,
        "optimizer": profile.optimizer,
        "dropout": profile.dropout,
        "zero_stage": plan.zero_stage,
        "offload": profile.offload,
        "peak_allocated_bytes": plan.allocated_bytes,
        "peak_total_bytes": plan.total_bytes,
        "components": dict(plan.estimate.peak.components),
        "phase": plan.estimate.peak.name,
        "budget_bytes": plan.budget_bytes,
        "fits": plan.fits,
        "step_seconds": answer.step_seconds,
        "reasons": list(answer.reasons),
    }


def nothing_fits(search: Search, found: Iterable[Answer]) -> DoesNotFit:
    """Return the error for answers of which none fits, with what would fit."""
    least = min((answer.plan for answer in found), key=lambda plan: plan.allocated_bytes)
    ways = way_out(search, least)
    card = search.machine.least_free
    lacks = lack(least, where(search), taken(card) if card else "")
    return DoesNotFit(
        f"No plan fits: the smallest ({describe(least.profile)}) {lacks}",
        fix=Advice(f"it would fit with {ways}" if ways else "choose a smaller model"),
    )
