"""The lock of a run that trains nothing: exports of the base model."""

from lockfiles import lock
from lockfiles.lock import Lock
from planner.interview.answers import Answers
from planner.models.facts import ModelFacts
from planner.pipeline.stages import stages
from planner.plan import every
from planner.plan.disk import disk_bytes
from planner.plan.integrity import integrity


def plan(answers: Answers, model: ModelFacts) -> Lock:
    """Return the lock of the exports that the answers ask for; raises as `planner.plan.plan`."""
    levels = answers.chosen("results.gguf")
    tables = every.tables(answers, model) | {
        "prediction": {
            "disk_bytes": disk_bytes(model, trained_bytes=0, merges=False, levels=levels)
        },
        "why": {},
        "rejected": [],
        "stage": stages(answers, None, frozenset(), model.architecture.family),
    }
    return lock.of_tables(tables | {"integrity": integrity(tables)})
