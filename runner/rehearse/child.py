"""The child process of a rehearsal, in the environment of a lock's stages."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lockfiles.errors import UsageProblem
from lockfiles.fixes import PLAN_AGAIN, Answer, Steps
from lockfiles.lock import TrainingLock
from runner.environments.variables import environment

HEARD_SECONDS = 10.0
"""Seconds between two calls of `on_progress`."""


@dataclass(frozen=True)
class Ended:
    """A child process that ended."""

    code: int
    """Its exit code; negative for a signal."""
    stdout: str
    stderr: str
    overdue: bool = False
    """Whether it was ended since its time was over."""


def check_alone(lock: TrainingLock) -> None:
    """Raise UsageProblem for a lock with several processes."""
    if lock.parallel.processes > 1:
        raise UsageProblem(
            "A rehearsal runs a single process, but the lock has "
            f"{lock.parallel.processes} processes.",
            fix=Steps((Answer("machine.processes", 1), PLAN_AGAIN)),
        )


def run(
    lock: TrainingLock,
    asked: Mapping[str, object],
    on_progress: Callable[[float], None],
    limit_seconds: float = float("inf"),
) -> Ended:
    """Run a job with the exactness of a lock, and return how it ended.

    `on_progress` is called every `HEARD_SECONDS` with the seconds since the start. After
    `limit_seconds` the process is ended, and what it printed until then is returned.
    """
    with tempfile.TemporaryDirectory() as folder:
        job = Path(folder) / "job.json"
        job.write_text(json.dumps({**asked, "exactness": lock.exactness.model_dump()}), "utf-8")
        return _run(job, environment(lock, online=False), on_progress, limit_seconds)


def _run(
    job: Path,
    variables: dict[str, str],
    on_progress: Callable[[float], None],
    limit_seconds: float,
) -> Ended:
    began = time.monotonic()
    with subprocess.Popen(
        [sys.executable, "-P", "-m", "runner.rehearse", str(job)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=variables,
    ) as child:
        while True:
            left = began + limit_seconds - time.monotonic()
            try:
                stdout, stderr = child.communicate(timeout=max(0.0, min(HEARD_SECONDS, left)))
                return Ended(child.returncode, stdout, stderr)
            except subprocess.TimeoutExpired:
                if left <= HEARD_SECONDS:
                    child.kill()
                    stdout, stderr = child.communicate()
                    return Ended(child.returncode, stdout, stderr, overdue=True)
                on_progress(time.monotonic() - began)
            except BaseException:
                child.kill()
                raise


def kept_log(stderr: str) -> str:
    """Write the complete stderr of a child to a file, and return its path."""
    descriptor, log = tempfile.mkstemp(prefix="tunelock-rehearsal-", suffix=".log")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(stderr)
    return log
