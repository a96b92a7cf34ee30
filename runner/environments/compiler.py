"""The C compiler that Triton needs on a card.

Triton builds a small module with it the first time that it starts a kernel: those of TRL's loss
head, and of compiled layers (`triton/runtime/build.py`).
"""

import shutil
import sysconfig
from pathlib import Path

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Command
from lockfiles.lock import TrainingLock


def check_compiler(lock: TrainingLock) -> None:
    """Raise UsageProblem if a lock for a card needs a compiler that is missing."""
    if lock.machine.kind == "cuda" and (missing := missing_for_kernels()):
        raise UsageProblem(f"Training on a card needs {missing}.", fix=Command(INSTALL))


INSTALL = "apt-get install gcc python3-dev"


def missing_for_kernels() -> str:
    """Return what Triton lacks, for a sentence; empty if nothing."""
    if not (shutil.which("gcc") or shutil.which("clang")):
        return "a C compiler for the kernels of Triton, which is not installed"
    header = Path(sysconfig.get_path("include")) / "Python.h"
    if not header.is_file():
        return f"`{header}` for the kernels of Triton, which is not there"
    return ""
