"""The rehearsal: a plan with random weights at real shapes, on this device.

torch is imported in a child process alone (`python -m runner.rehearse`).
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
from lockfiles.fixes import PLAN_AGAIN, Advice, Answer, Change, Steps
from lockfiles.lock import TrainingLock
from runner.environments.variables import environment
from runner.rehearse.case import Case, Measured

HEARD_SECONDS = 10.0
"""How often `told` is called."""


def rehearse(
    lock: TrainingLock, case: Case, told: Callable[[float], None] = lambda seconds: None
) -> Measured:
    """Run a lock's case in a process like those of its stages, and return what was measured.

    `told` gets the seconds since the start, now and then. Raises DoesNotFit where the system
    ended the process for want of main memory, and RunFailed where it failed otherwise; a card
    without enough memory is an answer (`Measured.out_of_memory`). Raises UsageProblem for a lock
    of several processes.
    """
    if lock.parallel.processes > 1:
        raise UsageProblem(
            f"A rehearsal is of one process, and the lock has {lock.parallel.processes}.",
            fix=Steps((Answer("machine.processes", 1), PLAN_AGAIN)),
        )
    asked = {"case": asdict(case), "exactness": lock.exactness.model_dump()}
    with tempfile.TemporaryDirectory() as folder:
        job = Path(folder) / "job.json"
        job.write_text(json.dumps(asked), encoding="utf-8")
        code, stdout, stderr = _run(job, environment(lock, online=False), told)
    if code == -signal.SIGKILL:
        raise DoesNotFit(
            "The rehearsal was ended by SIGKILL, as by the system when main memory is short.",
            fix=(
                Advice("stop what else uses it"),
                Steps((Change("method.micro_batch", "a smaller number"), PLAN_AGAIN)),
            ),
        )
    if code:
        raise _failed(stderr)
    found = json.loads(stdout.splitlines()[-1])
    return Measured(**found | {"step_seconds": tuple(found["step_seconds"])})


def _failed(stderr: str) -> RunFailed:
    """Return the error for a child that failed; all that it said is kept in a file."""
    last = (stderr.strip().splitlines() or ["no message"])[-1]
    descriptor, log = tempfile.mkstemp(prefix="tunelock-rehearsal-", suffix=".log")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(stderr)
    return RunFailed(f"The rehearsal failed: {last}", fix=Advice(f"see {log}"))


def _run(
    job: Path, variables: dict[str, str], told: Callable[[float], None]
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
                told(time.monotonic() - began)
            except BaseException:
                child.kill()
                raise
