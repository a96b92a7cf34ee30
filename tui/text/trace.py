"""The result of `tunelock fit --trace`: the traced step's peak next to the closed form's."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Option
from lockfiles.measured import difference
from planner.catalogue import lookup
from planner.fit.answers import Answer
from planner.fit.models import FitModel
from planner.fit.request import FitRequest
from planner.models.shapes import config_json
from planner.models.shapes.config_json import ConfigJson
from planner.search.wording import NAMES
from runner.trace import Job, Traced, refusal, trace
from tui.terminal import output
from tui.terminal.units import memory
from tui.terminal.wrap import all_folded

DIFFERS = 0.03
"""The relative difference from which a report says that trace and closed form disagree."""


def traced(request: FitRequest, found: Sequence[Answer]) -> list[Traced | None]:
    """Trace the plans that can be traced, after a note about it.

    Raises UsageProblem if none can be traced, and as `trace`.
    """
    plans = [answer.plan for answer in found]
    refused = [refusal(plan.profile) for plan in plans]
    if all(refused):
        raise UsageProblem(refused[0], fix=Option("--trace", to="leave out"))
    config = _config(request.model)
    ConfigJson(config, request.model.name).within()
    jobs = [
        Job(config, plan.profile, plan.estimate)
        for plan, why in zip(plans, refused, strict=True)
        if not why
    ]
    output.note(f"tracing one step of {_plans(len(jobs))} …")
    traces = iter(trace(jobs))
    return [None if why else next(traces) for why in refused]


def lines(found: Sequence[Answer], traces: Sequence[Traced | None]) -> list[str]:
    """Return a sentence for each plan, to be shown below the table."""
    said = [_sentence(answer, one) for answer, one in zip(found, traces, strict=True)]
    return ["", "Trace of one step:", *all_folded(f"  {each}" for each in said)]


def _sentence(answer: Answer, traced_plan: Traced | None) -> str:
    name = NAMES[answer.plan.profile.method]
    name = f"{name[0].upper()}{name[1:]}"
    if traced_plan is None:
        return f"{name}: {refusal(answer.plan.profile)}"
    closed = answer.plan.allocated_bytes
    error = traced_plan.allocated_bytes / closed - 1
    found = difference(traced_plan.allocated_bytes, closed)
    traced_is = "they are equal" if found == "equal" else f"the trace is {found} the closed form"
    said = f"{name}: traced {memory(traced_plan.allocated_bytes)}, closed form {memory(closed)}"
    if abs(error) <= DIFFERS:
        return f"{said}; {traced_is}."
    return f"{said}; {traced_is}, more than {DIFFERS:.0%}: trust the larger one."


def _config(model: FitModel) -> Mapping[str, Any]:
    """Return the model's `config.json`, or the built-in copy of it."""
    if model.source == "file":
        return config_json.read(Path(model.name))
    if model.source == "hub":
        from planner.hub.client import client

        path = Path(client().hf_hub_download(model.name, "config.json"))
        return config_json.read(path)
    known = lookup.find_model(model.name)
    assert known
    return known.config


def _plans(count: int) -> str:
    return "1 plan" if count == 1 else f"{count} plans"
