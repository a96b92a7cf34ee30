"""The result of `tunelock fit` for a model that only a trace says something about."""

from collections.abc import Sequence
from dataclasses import replace

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Option
from lockfiles.harmless import one_line
from planner.fit.answers import Answer
from planner.fit.unknown import UnknownRequest
from runner.trace import Traced, check_installed
from runner.trace.survey import check_known, survey
from tui.terminal import output
from tui.terminal.wrap import all_folded


def answered(request: UnknownRequest) -> tuple[UnknownRequest, list[Answer]]:
    """Trace a model, after a note about it, and return the request with its size, and the answers.

    Raises UsageProblem for options that cannot be traced and for a method that is not possible, and
    as `survey` does.
    """
    request.check()
    check_installed()
    check_known(request.model.family)
    output.note(
        f"{_family(request)} is not supported yet: tracing steps of its class in transformers, "
        "which can take minutes …"
    )
    found = survey(request)
    if why := request.wish.method and found.refused.get(request.wish.method):
        raise UsageProblem(why, fix=Option("--method full", to="use"))
    answers = [request.answer(kind, estimate) for kind, estimate in found.methods.items()]
    return replace(request, parameters=found.parameters), answers


def traces(found: Sequence[Answer]) -> list[Traced]:
    """Return the traced peak of each answer's plan."""
    return [Traced(one.plan.allocated_bytes, one.plan.estimate.peak.name) for one in found]


def lines(request: UnknownRequest) -> list[str]:
    """Return what to know about such a result, to be shown below the table."""
    said = (
        f"Every peak is that of a traced step, since Tunelock does not support {_family(request)} "
        "yet. `tunelock plan`, `tunelock rehearse` and step times need a supported family."
    )
    return ["", *all_folded([said])]


def _family(request: UnknownRequest) -> str:
    return f"`{one_line(request.model.family, most=100)}`"
