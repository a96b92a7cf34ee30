"""The rehearsal: a few steps of a plan with random weights at real shapes, on this device.

torch is imported only in the processes that it starts (`python -m runner.rehearse`), as many as a
lock has on one machine.
"""

import signal
from collections.abc import Callable
from dataclasses import asdict, replace

from lockfiles.errors import DoesNotFit, RunFailed
from lockfiles.fixes import PLAN_AGAIN, Advice, Change, Command, Steps
from lockfiles.lock import TrainingLock
from runner.rehearse.case import Case, Measured
from runner.rehearse.child import Ended, kept_log, run
from runner.rehearse.gathered import gathered
from runner.rehearse.host import HOST


def rehearse(
    lock: TrainingLock, case: Case, on_progress: Callable[[float], None] = lambda seconds: None
) -> Measured:
    """Run a lock's case in processes like those of its training, and return the measurements.

    `on_progress` is called every `child.HEARD_SECONDS` with the seconds since the start. Raises
    DoesNotFit if the system killed a process because main memory ran out, and RunFailed if one
    failed otherwise. Running out of GPU memory is a result (`Measured.out_of_memory`).
    """
    ended = run(lock, {"case": asdict(case)}, on_progress)
    found = gathered(ended.found)
    if not found or (ended.code and not found.out_of_memory):
        raise _failure(ended)
    if case.times_host and case.profile.ranks > 1 and found.card and not found.out_of_memory:
        host = gathered(run(lock, {"case": asdict(HOST)}, on_progress, alone=True).found)
        found = replace(found, host_seconds=host.warm_step_seconds if host else 0.0)
    return found


def _failure(ended: Ended) -> DoesNotFit | RunFailed:
    which = next((rank for rank, code in ended.ends.items() if code == ended.code), None)
    several = len(ended.found) > 1 and which is not None
    who = f"Process {which} of {len(ended.found)} of the rehearsal" if several else "The rehearsal"
    if ended.code == -signal.SIGKILL:
        return DoesNotFit(
            f"{who} was ended by SIGKILL, possibly because main memory ran out.",
            fix=(
                Advice("stop other programs that use memory"),
                Steps((Change("method.micro_batch", "a smaller number"), PLAN_AGAIN)),
            ),
        )
    return RunFailed(
        f"{who} failed unexpectedly.",
        fix=Command("tail -n 30 {}", kept_log(ended.log), to="see what happened"),
    )
