"""Stopping a run from another process, in a stated time.

The supervisor is asked by SIGTERM, and woken where it was stopped. It asks its stage, which
leaves a checkpoint at its next step, and ends it where that takes too long. Where the supervisor
itself does not answer, it and its stage are killed: the run resumes from its last checkpoint.
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

Tell = Callable[[str], object]


@dataclass(frozen=True)
class Patience:
    """How long is waited, in seconds."""

    grace_seconds: float = LIMITS.grace_seconds
    """For the stage; longer where the supervisor says so, whose last step took long."""
    margin_seconds: float = 30.0
    """Beyond that, for the supervisor, before both are killed."""
    killed_seconds: float = 10.0
    """For the system to end what was killed."""


PATIENCE = Patience()


def ask(run: Path, tell: Tell) -> None:
    """Ask a run to stop. Raises UsageProblem where nothing of this user works on it here."""
    found = look(run)
    if not found.held:
        raise UsageProblem(f"Nothing runs in `{run}`.", fix=Command("tunelock status"))
    asked = [found.supervisor] if found.supervisor else workers(run)
    if not asked:
        raise _elsewhere(run, found)
    if found.supervisor is None:
        tell("its supervisor is gone: its stage process is asked itself")
    elif found.supervisor.stopped:
        tell(f"its supervisor (process {found.supervisor.number}) was stopped: it is woken")
    for process in asked:
        send(run, process, signal.SIGTERM)
        send(run, process, signal.SIGCONT, group=process is not found.supervisor)


def wait(run: Path, tell: Tell, patience: Patience = PATIENCE) -> None:
    """Wait until nothing works on a run that was asked to stop; kill what does not answer.

    Raises RunFailed where even that does not end it.
    """
    begun, promised = time.monotonic(), 0.0
    tail = Tail(run / EVENTS)
    tail.to_end()
    while look(run).held:
        promised = _promised(tail, promised)
        most = max(promised, patience.grace_seconds) + patience.margin_seconds
        if time.monotonic() - begun > most:
            _kill(run, tell, patience)
            return
        time.sleep(_POLL_SECONDS)


def _kill(run: Path, tell: Tell, patience: Patience) -> None:
    supervisor = look(run).supervisor
    found = workers(run)
    numbers = ", ".join(str(one.number) for one in found)
    tell(f"it did not stop in time: killed ({numbers}); it resumes from its last checkpoint")
    until = time.monotonic() + patience.killed_seconds
    while look(run).held:
        for process in workers(run):
            send(run, process, signal.SIGKILL, group=not _same(process, supervisor))
        if time.monotonic() > until:
            raise RunFailed(
                f"The processes {numbers} of `{run}` do not end, though they were killed.",
                fix=Command("dmesg", to="see which device or network disk holds them"),
            )
        time.sleep(_POLL_SECONDS)


def _same(process: Process, other: Process | None) -> bool:
    """Return whether it is the supervisor, whose group may hold what a shell started with it."""
    return other is not None and process.number == other.number


def _promised(tail: Tail, before: float) -> float:
    """Return within how many seconds the supervisor will end its stage, where it said so.

    What stands before the start of this run may be a stranger's, and does not count.
    """
    found = before
    for event in tail.next():
        told = event.fields.get("stop_within_seconds")
        if (event.stage, event.kind) == ("run", "started"):
            found = 0.0
        elif isinstance(told, int | float) and told >= 0:
            found = min(float(told), _MOST_PROMISED_SECONDS)
    return found


def _elsewhere(run: Path, found: Holding) -> UsageProblem:
    if found.host:
        machine = one_line(found.host.partition(" ")[0], most=_MOST_NAME_CHARS)
        return UsageProblem(
            f"The run in `{run}` works on another machine: `{machine}`.",
            fix=Command("tunelock stop {}", run, note="typed there"),
        )
    return UsageProblem(
        f"The run in `{run}` is another user's.",
        fix=Command("ls -l {}", run, to="ask who runs it"),
    )
