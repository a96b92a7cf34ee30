"""Stopping a run from another process, within a stated time.

The supervisor gets SIGTERM, and SIGCONT if it is suspended. It stops its stage, which saves a
checkpoint at its next step, and kills it if that takes too long. If the supervisor itself does not
respond, it and its stage are killed: the run can resume from its last checkpoint.
"""

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lockfiles.errors import RunFailed, UsageProblem
from lockfiles.fixes import Command
from lockfiles.harmless import one_line
from runner.runs.events import Tail
from runner.runs.folder import EVENTS
from runner.runs.holders import Holding, Process, look, send, workers
from runner.supervisor.launch import LIMITS

_POLL_SECONDS = 0.2
_MOST_PROMISED_SECONDS = 6 * 3600.0
_MOST_NAME_CHARS = 80

Report = Callable[[str], object]


@dataclass(frozen=True)
class Patience:
    """How long to wait, in seconds."""

    grace_seconds: float = LIMITS.grace_seconds
    """For the stage; the supervisor may announce a longer time, after long steps."""
    margin_seconds: float = 30.0
    """After that, for the supervisor, before both are killed."""
    killed_seconds: float = 10.0
    """For the system to remove the killed processes."""


PATIENCE = Patience()


def ask(run: Path, report: Report) -> None:
    """Ask a run to stop. Raises UsageProblem if no process of this user here works on it."""
    found = look(run)
    if not found.held:
        raise UsageProblem(f"No run is active in `{run}`.", fix=Command("tunelock status {}", run))
    asked = [found.supervisor] if found.supervisor else workers(run)
    if not asked:
        raise _elsewhere(run, found)
    if found.supervisor is None:
        report("its supervisor is gone: signaling its stage process directly")
    elif found.supervisor.stopped:
        report(f"its supervisor (process {found.supervisor.number}) is suspended: resuming it")
    for process in asked:
        send(run, process, signal.SIGTERM)
        send(run, process, signal.SIGCONT, group=process is not found.supervisor)


def wait(run: Path, report: Report, patience: Patience = PATIENCE) -> None:
    """Wait until no process works on a run that was asked to stop; kill those that do not respond.

    Raises RunFailed if processes survive even that.
    """
    begun, promised = time.monotonic(), 0.0
    tail = Tail(run / EVENTS)
    tail.to_end()
    while look(run).held:
        promised = _promised(tail, promised)
        most = max(promised, patience.grace_seconds) + patience.margin_seconds
        if time.monotonic() - begun > most:
            _kill(run, report, patience)
            return
        time.sleep(_POLL_SECONDS)


def _kill(run: Path, report: Report, patience: Patience) -> None:
    supervisor = look(run).supervisor
    found = workers(run)
    numbers = ", ".join(str(one.number) for one in found)
    report(f"it did not stop in time: killed ({numbers}); it can be resumed")
    until = time.monotonic() + patience.killed_seconds
    while look(run).held:
        for process in workers(run):
            send(run, process, signal.SIGKILL, group=not _same(process, supervisor))
        if time.monotonic() > until:
            raise RunFailed(
                f"The processes {numbers} of `{run}` were killed but have not ended.",
                fix=Command("dmesg", to="see which device or network disk blocks them"),
            )
        time.sleep(_POLL_SECONDS)


def _same(process: Process, other: Process | None) -> bool:
    """Return whether it is the supervisor, whose process group may belong to a shell."""
    return other is not None and process.number == other.number


def _promised(tail: Tail, before: float) -> float:
    """Return within how many seconds the supervisor will end its stage, if it announced that.

    Events before the start of this run may come from a stranger and are ignored.
    """
    found = before
    for event in tail.next():
        seconds = event.fields.get("stop_within_seconds")
        if (event.stage, event.kind) == ("run", "started"):
            found = 0.0
        elif isinstance(seconds, int | float) and seconds >= 0:
            found = min(float(seconds), _MOST_PROMISED_SECONDS)
    return found


def _elsewhere(run: Path, found: Holding) -> UsageProblem:
    if found.host:
        machine = one_line(found.host.partition(" ")[0], most=_MOST_NAME_CHARS)
        return UsageProblem(
            f"The run in `{run}` is active on another machine: `{machine}`.",
            fix=Command("tunelock stop {}", run, note="on that machine"),
        )
    return UsageProblem(
        f"The run in `{run}` belongs to another user.",
        fix=Command("ls -l {}", run, to="see who owns it"),
    )
