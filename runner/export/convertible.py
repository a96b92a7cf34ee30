"""Checks before a run whether a lock's base model can be exported by its stages."""

from pathlib import Path

from lockfiles.lock import Lock, TrainingLock
from planner.pipeline.kind import of_kind


def check_exports(lock: Lock, model: Path) -> None:
    """Raise UsageProblem if the base model in a folder cannot be exported.

    The folder has the files of the lock. Its configuration and tokenizer are read in the same way
    as the export reads those of the tuned model, or of the base model if nothing is trained.
    """
    for kind in dict.fromkeys(stage.kind for stage in lock.stage):
        of_kind(kind).check_base(model, isinstance(lock, TrainingLock), "", None)
