"""The lock of a run that trains nothing: exports of the base model."""

from lockfiles import lock
from lockfiles.lock import Lock
from planner.interview.answers import Answers
from planner.models.facts import ModelFacts
from planner.pipeline.kind import Sizes, Wanted
from planner.pipeline.stages import disk_bytes, stages
from planner.plan import every
from planner.plan.integrity import integrity


def plan(answers: Answers, model: ModelFacts) -> Lock:
    """Return the lock of the exports that the answers ask for; raises as `planner.plan.plan`."""
    family = model.architecture.family
    staged = stages(Wanted(answers, adapter=False, splits=set(), family=family, trains=False))
    sizes = Sizes(model.parameters, model.dtype, trained_bytes=0)
    tables = every.tables(answers, model, staged) | {
        "prediction": {"disk_bytes": disk_bytes(staged, sizes)},
        "why": {},
        "rejected": [],
    }
    return lock.of_tables(tables | {"integrity": integrity(tables)})
