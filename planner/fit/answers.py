"""The result of `tunelock fit`: a plan for each method, with its reasons and step time."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import mean, median

from lockfiles.errors import DoesNotFit
from lockfiles.fixes import Advice
from planner.fit.alternatives import way_out
from planner.fit.contradictions import check
from planner.fit.reasons import why
from planner.fit.request import FitRequest
from planner.fit.subject import Subject
from planner.search import ranking
from planner.search.plan import Plan
from planner.search.rejected import nothing_fits
from planner.speed.rate import Rate


@dataclass(frozen=True)
class Answer:
    """The plan for one method."""

    plan: Plan
    """The best plan that fits; where none does, the one that needs the least."""
    step_seconds: float | None
    """Seconds per optimizer step; None where the device's speed is unknown."""
    reasons: tuple[str, ...]
    """Sentences: why the plan was chosen, or what would fit."""

    rate: Rate | None = None
    """How fast it trains; None where the plan does not fit or its speed is unknown."""


def answers(request: FitRequest) -> tuple[Answer, ...]:
    """Return an answer for each method. Raises UsageProblem as `contradictions.check` does."""
    check(request)
    return tuple(_answer(request, request.best(kind)) for kind in request.methods)


def _answer(request: FitRequest, plan: Plan) -> Answer:
    found = ranking.timing(request.candidates, plan.profile)
    seconds, rate = found or (None, None)
    reasons = tuple(why(request, plan.profile))
    return Answer(plan, seconds, reasons, rate if plan.fits else None)


def record(request: Subject, found: Iterable[Answer]) -> dict[str, object]:
    """Return what `tunelock fit --json` prints."""
    return {
        "model": _model(request),
        "machine": _machine(request),
        "rows": _rows(request),
        "plans": [_plan(answer) for answer in found],
    }


def _model(request: Subject) -> dict[str, object]:
    model = request.model
    return {
        "name": model.name,
        "source": model.source,
        "family": model.family,
        "parameters": model.parameters,
        "context": model.context,
        "license": model.license,
        "gated": model.gated,
        "gate_seen": model.gate_seen,
        "quantized": model.quantized,
        "unquantized": model.unquantized,
    }


def _rows(request: Subject) -> dict[str, object]:
    """Return the tokens of the rows that are assumed; equal where every row counts as longest."""
    lengths = request.lengths or (request.longest,)
    return {"longest": max(lengths), "median": median(lengths), "mean": mean(lengths)}


def _machine(request: Subject) -> dict[str, object]:
    machine = request.machine
    return {
        "kind": machine.kind,
        "name": machine.least_free.name if machine.least_free else machine.processor or "cpu",
        "count": max(1, len(machine.gpus)),
        "nodes": request.nodes,
        "memory_bytes": min((gpu.memory_bytes for gpu in machine.gpus), default=machine.ram_bytes),
        "counted_bytes": machine.counted_memory_bytes,
        "ram_bytes": machine.ram_bytes // request.nodes,
        "ram_assumed": machine.ram_assumed,
    }


def _plan(answer: Answer) -> dict[str, object]:
    plan, profile, rate = answer.plan, answer.plan.profile, answer.rate
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
        "pass_tokens": profile.pass_tokens,
        "kernels": profile.kernels,
        "graph_sizes": profile.graph_sizes,
        "parallel": profile.parallel,
        "zero_stage": plan.zero_stage,
        "offload": profile.offload,
        "peak_allocated_bytes": plan.allocated_bytes,
        "needed_bytes": plan.wanted_bytes,
        "peak_total_bytes": plan.total_bytes,
        "components": dict(plan.estimate.peak.components),
        "phase": plan.estimate.peak.name,
        "budget_bytes": plan.budget_bytes,
        "fits": plan.fits,
        "step_seconds": answer.step_seconds,
        "tokens_per_second": rate.tokens_per_second if rate else None,
        "flops_share": (rate and rate.flops_share) or None,
        "reasons": list(answer.reasons),
    }


def refusal(request: FitRequest, found: Iterable[Answer]) -> DoesNotFit:
    """Return the error for plans of which none fits, with what would fit."""
    least = min((answer.plan for answer in found), key=lambda plan: plan.wanted_bytes).profile
    ways = way_out(request, least)
    return DoesNotFit(
        nothing_fits(request.candidates, least),
        fix=Advice(f"it would fit with {ways}" if ways else "choose a smaller model"),
    )
