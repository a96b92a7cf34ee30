"""Whether the base model of a lock can be exported as its stages want, known before any of them."""

from pathlib import Path

from lockfiles.lock import Lock


def check_exports(lock: Lock, model: Path) -> None:
    """Raise UsageProblem where the base model in a folder has what no GGUF file can hold.

    The folder's files are those of the lock. Its configuration and tokenizer are read as the
    export will read them of the tuned model.
    """
    if not lock.first("gguf"):
        return
    from runner.export.gguf.convert import check_convertible

    check_convertible(model)
