"""The tables that every plan has, whether it trains or not."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict

from lockfiles import limits, lock
from lockfiles.harmless import one_line
from planner.interview.answers import Answers
from planner.models.facts import ModelFacts
from planner.plan import packages, provenance

REQUIRES_RUNNER = "0.1"
"""The oldest version of Tunelock that can run the locks of this one."""


def tables(
    answers: Answers,
    model: ModelFacts,
    stages: Sequence[Mapping[str, object]],
    detected: Collection[str] = (),
    engine: str = "single",
) -> dict[str, object]:
    """Return the tables of a lock that depend on its answers, base model and stages alone.

    `detected` are answers that were found in the data where they are not given.
    """
    return {
        "version": lock.VERSION,
        "revision": lock.REVISION,
        "requires_runner": REQUIRES_RUNNER,
        "intent": provenance.table(answers, local_model=not model.commit, detected=detected),
        "model": _model(model),
        "packages": packages.packages((str(stage["kind"]) for stage in stages), engine),
        "stage": stages,
    }


def _model(model: ModelFacts) -> dict[str, object]:
    shape = asdict(model.architecture)
    own = dict(shape.pop("own"))
    return {
        "source": f"hf:{model.source}" if model.commit else "local:model",
        "revision": model.revision,
        "commit": model.commit,
        "license": one_line(model.license, most=limits.MOST_NAME_CHARS),
        "gated": model.gated,
        "family": shape.pop("family"),
        "parameters": model.parameters,
        "dtype": model.dtype,
        "context_tokens": shape.pop("context"),
        "architecture": shape | ({"own": own} if own else {}),
        "files": [asdict(file) for file in model.files],
    }
