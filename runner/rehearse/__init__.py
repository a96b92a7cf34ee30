"""The rehearsal: a few steps of a plan with random weights at real shapes, on this device.

torch is imported only in a child process (`python -m runner.rehearse`).
"""

import json
import signal
from collections.abc import Callable
from dataclasses import asdict

from lockfiles.errors import DoesNotFit, RunFailed
from lockfiles.fixes import PLAN_AGAIN, Advice, Change, Command, Steps
from lockfiles.lock import TrainingLock
from runner.rehearse.case import Case, Measured
from runner.rehearse.child import check_alone, kept_log, run


def rehearse(
    lock: TrainingLock, case: Case, on_progress: Callable[[float], None] = lambda seconds: None
) -> Measured:
    """Run a lock's case in a process like those of its stages, and return the measurements.

    `on_progress` is called every `child.HEARD_SECONDS` with the seconds since the start. Raises
    DoesNotFit if the system killed the process because main memory ran out, and RunFailed if it
    failed otherwise. Running out of GPU memory is a result (`Measured.out_of_memory`). Raises
    UsageProblem for a lock with several processes.
    """
    check_alone(lock)
    ended = run(lock, {"case": asdict(case)}, on_progress)
    if ended.code == -signal.SIGKILL:
        raise DoesNotFit(
            "The rehearsal was ended by SIGKILL, possibly because main memory ran out.",
            fix=(
                Advice("stop other programs that use memory"),
                Steps((Change("method.micro_batch", "a smaller number"), PLAN_AGAIN)),
            ),
        )
    if ended.code:
        raise RunFailed(
            "The rehearsal failed unexpectedly.",
            fix=Command("tail -n 30 {}", kept_log(ended.stderr), to="see what happened"),
        )
    found = json.loads(ended.stdout.splitlines()[-1])
    return Measured(**found | {"step_seconds": tuple(found["step_seconds"])})
