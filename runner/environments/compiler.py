"""The C compiler that Triton needs on a card.

Triton builds a small module with it the first time that it starts a kernel: those of TRL's loss
head, and of compiled layers (`triton/runtime/build.py`).
"""

import errno
import os
import shutil
import stat
import sysconfig
from pathlib import Path

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Command
from lockfiles.lock import TrainingLock
from planner.hub.cache import writing
from runner.environments.variables import caches


def check_compiler(lock: TrainingLock) -> None:
    """Raise UsageProblem if a lock for a card needs a compiler that is missing, or a place for
    compiled kernels that cannot be written."""
    if lock.machine.kind != "cuda":
        return
    if missing := missing_for_kernels():
        raise UsageProblem(f"Training on a card needs {missing}.", fix=Command(INSTALL))
    make_caches()


def make_caches() -> None:
    """Make the folders of compiled kernels, which later runs load as code. Raises UsageProblem if
    that is not possible, or if others can write to them."""
    for place in caches().values():
        with writing(place):
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not os.access(place, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        found = place.stat()
        if found.st_uid != os.geteuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise UsageProblem(
                f"Others can write to `{place}`, from which compiled kernels are loaded as code.",
                fix=Command("rm -r -- {}", place, note="then rerun; kernels are compiled again"),
            )


INSTALL = "apt-get install gcc python3-dev"


def missing_for_kernels() -> str:
    """Return what Triton lacks, for a sentence; empty if nothing."""
    if not (shutil.which("gcc") or shutil.which("clang")):
        return "a C compiler for the kernels of Triton, which is not installed"
    header = Path(sysconfig.get_path("include")) / "Python.h"
    if not header.is_file():
        return f"`{header}` for the kernels of Triton, which is not there"
    return ""
