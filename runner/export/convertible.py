"""Whether the base model of a lock can be exported as its stages want, known before any of them."""

from pathlib import Path

from lockfiles.lock import Lock, TrainingLock
from runner.runs.kind import of_kind


def check_exports(lock: Lock, model: Path) -> None:
    """Raise UsageProblem where the base model in a folder has what an export cannot hold.

    The folder's files are those of the lock. Its configuration and tokenizer are read as the
    export will read them: of the tuned model, or of the base as it is where nothing is trained.
    """
    for kind in dict.fromkeys(stage.kind for stage in lock.stage):
        of_kind(kind).check_base(model, isinstance(lock, TrainingLock))
