"""What a model of any family in transformers needs, by traces alone.

torch is imported only in a child process.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from lockfiles.errors import RunFailed, UsageProblem
from lockfiles.fixes import Advice
from lockfiles.harmless import one_line
from planner.fit.unknown import UnknownRequest
from planner.memory import Estimate
from planner.memory.traced import from_trace
from planner.setup.setup import Kind
from runner import trace

_TABLES = ("auto_mappings.py", "configuration_auto.py")
"""The files of transformers with the names of its families, in `models/auto`."""
_OTHER = Advice("choose a model of another family")


@dataclass(frozen=True)
class Survey:
    """What the traces of a model say."""

    parameters: int
    """Total elements of all tensors."""
    refused: Mapping[Kind, str]
    """Why a method is not possible, as a sentence."""
    methods: Mapping[Kind, Estimate]
    """The memory of the plan of each possible method."""


def check_known(family: str) -> None:
    """Raise UsageProblem for a family that the installed transformers does not know.

    Reads the tables of its names and imports nothing: a child process would take seconds.
    """
    found = find_spec("transformers")
    places = found.submodule_search_locations if found else None
    paths = [Path(place, "models", "auto", name) for place in places or () for name in _TABLES]
    tables = [path.read_text("utf-8") for path in paths if path.is_file()]
    if tables and not any(f'"{family}"' in table for table in tables):
        raise UsageProblem(
            f"transformers {version('transformers')} does not know the family "
            f"`{one_line(family, most=100)}`.",
            fix=_OTHER,
        )


def survey(request: UnknownRequest) -> Survey:
    """Trace the plan of each method, in one child process.

    Raises UsageProblem without the packages of the train extra, and where transformers has no
    language model of this family; RunFailed if its class does not run under fake tensors.
    """
    try:
        plans = {kind: asdict(plan) for kind, plan in request.plans.items()}
        found = trace.run({"config": request.asked.config, "plans": plans})
    except RunFailed:
        raise RunFailed(
            f"The class of `{one_line(request.model.family)}` could not be traced.",
            fix=_OTHER,
        ) from None
    if said := found.get("problem"):
        raise UsageProblem(said, fix=_OTHER)
    sizes = {
        "hidden": request.hidden,
        "stored_bytes": request.asked.here_bytes or 2 * found["parameters"],
    }
    methods = {
        kind: from_trace(request.plans[kind], traced, **sizes)
        for kind, traced in found["methods"].items()
    }
    return Survey(found["parameters"], found["refused"], methods)
