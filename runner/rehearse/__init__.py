"""The rehearsal: a few steps of a plan with random weights at real shapes, on this device.

torch is imported only in a child process (`python -m runner.rehearse`).
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from lockfiles.errors import DoesNotFit, RunFailed, UsageProblem
from lockfiles.fixes import PLAN_AGAIN, Advice, Answer, Change, Command, Steps
from lockfiles.lock import TrainingLock
from runner.environments.variables import environment
from runner.rehearse.case import Case, Measured

HEARD_SECONDS = 10.0
"""Seconds between two calls of `on_progress`."""


def rehearse(
    lock: TrainingLock, case: Case, on_progress: Callable[[float], None] = lambda seconds: None
) -> Measured:
    """Run a lock's case in a process like those of its stages, and return the measurements.

    `on_progress` is called every `HEARD_SECONDS` with the seconds since the start. Raises
    DoesNotFit if the system killed the process because main memory ran out, and RunFailed if it
    failed otherwise. Running out of GPU memory is a result (`Measured.out_of_memory`). Raises
    UsageProblem for a lock with several processes.
    """
    if lock.parallel.processes > 1:
        raise UsageProblem(
            "A rehearsal runs a single process, but the lock has "
            f"{lock.parallel.processes} processes.",
            fix=Steps((Answer("machine.processes", 1), PLAN_AGAIN)),
        )
    asked = {"case": asdict(case), "exactness": lock.exactness.model_dump()}
    with tempfile.TemporaryDirectory() as folder:
        job = Path(folder) / "job.json"
        job.write_text(json.dumps(asked), encoding="utf-8")
        code, stdout, stderr = _run(job, environment(lock, online=False), on_progress)
    if code == -signal.SIGKILL:
        raise DoesNotFit(
            "The rehearsal was ended by SIGKILL, possibly because main memory ran out.",
            fix=(
                Advice("stop other programs that use memory"),
                Steps((Change("method.micro_batch", "a smaller number"), PLAN_AGAIN)),
            ),
        )
    if code:
        raise _failed(stderr)
    found = json.loads(stdout.splitlines()[-1])
    return Measured(**found | {"step_seconds": tuple(found["step_seconds"])})


def _failed(stderr: str) -> RunFailed:
    """Return the error for a child that failed; its complete stderr is kept in a file."""
    descriptor, log = tempfile.mkstemp(prefix="tunelock-rehearsal-", suffix=".log")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(stderr)
    return RunFailed(
        "The rehearsal failed unexpectedly.",
        fix=Command("tail -n 30 {}", log, to="see what happened"),
    )


def _run(
    job: Path, variables: dict[str, str], on_progress: Callable[[float], None]
) -> tuple[int, str, str]:
    """Return exit code, stdout and stderr of the child process."""
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
            try:
                stdout, stderr = child.communicate(timeout=HEARD_SECONDS)
                return child.returncode, stdout, stderr
            except subprocess.TimeoutExpired:
                on_progress(time.monotonic() - began)
            except BaseException:
                child.kill()
                raise
