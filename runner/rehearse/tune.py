"""Times the finalists of a plan search on this device, together in under a minute."""

import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Command
from lockfiles.lock import TrainingLock
from planner.search.tuned import Tuned
from runner.rehearse.child import Ended, kept_log, run
from runner.rehearse.trials import Trials

LIMIT_SECONDS = 60.0
"""Of the comparison, with starting its process."""
SPARE_SECONDS = 5.0
"""What is left of that for the end of a step and of the process."""


@dataclass(frozen=True)
class Compared:
    """The finalists with their times."""

    tuned: Tuned
    log: str = ""
    """The path of the log if one of them failed."""


def tune(
    trials: Trials,
    config: Mapping[str, Any],
    on_progress: Callable[[float], None] = lambda seconds: None,
    limit_seconds: float = LIMIT_SECONDS,
) -> Compared:
    """Time the finalists in one process, and return their times.

    Those for which no time is left are named as such: compiling alone can take most of it where
    torch's caches have no kernels of the model. Raises UsageProblem for a lock with several
    processes.
    """
    check_alone(trials.lock)
    asked = {
        "cases": [asdict(case) for case in trials.cases(config)],
        "ends": time.monotonic() + limit_seconds - SPARE_SECONDS,
    }
    ended = run(trials.lock, asked, on_progress, limit_seconds)
    found = _results(ended, len(trials.plans))
    failed = any(one.get("untimed") == "failed" for one in found)
    return Compared(trials.tuned(found), kept_log(ended.log) if failed else "")


def check_alone(lock: TrainingLock) -> None:
    """Raise UsageProblem for a lock with an engine: its processes are not started for each plan."""
    own = lock.parallel
    if own.engine != "single":
        count = "1 process" if own.processes == 1 else f"{own.processes} processes"
        raise UsageProblem(
            "`--tune` works for a single process without an engine, but the lock trains in "
            f"{count} with `{own.engine}`.",
            fix=Command("tunelock rehearse run.lock", to="measure this plan alone"),
        )


def _results(ended: Ended, count: int) -> list[dict[str, Any]]:
    """Return the result of each finalist, from the lines that the child wrote.

    One that began without a result used up the time or, where the process ended by itself, ended
    it: by SIGKILL if main memory ran out.
    """
    found: list[dict[str, Any]] = [{"untimed": "time"} for _ in range(count)]
    own = "time" if ended.overdue else "memory" if ended.code == -signal.SIGKILL else "failed"
    for line in ended.found[0]:
        said = dict(line)
        at = said.pop("at")
        found[at] = said or {"untimed": own}
    return found
