"""Checks before a run whether a lock's base model can be exported by its stages."""

from pathlib import Path

from lockfiles.lock import Lock


def check_exports(lock: Lock, model: Path) -> None:
    """Raise UsageProblem if the base model in a folder cannot be converted to GGUF.

    The folder has the files of the lock. Its configuration and tokenizer are read in the same way
    as the export reads those of the tuned model.
    """
    if not lock.first("gguf"):
        return
    from runner.export.gguf.convert import check_convertible

    check_convertible(model)
