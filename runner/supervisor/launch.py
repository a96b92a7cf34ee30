"""Runs one stage in its own processes: writes its events to the file and forwards a stop to it.

The process is started with `python -P`, so that a `torch.py` in the current folder is never
imported, and in its own process group and without SIGHUP, so that a Ctrl-C or a closed terminal
reaches only the supervisor. The stage is always stopped the same way: by SIGTERM, then by SIGKILL
to its process group when its time is up. Workers that it starts in sessions of their own, as
torchrun does, are found by the lock that each holds on the run folder, and are signaled one by one.
"""

import math
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from lockfiles.errors import RunFailed
from lockfiles.fixes import Advice
from runner.export.sent import Sent
from runner.runs import pipe
from runner.runs.heartbeat import BEAT_SECONDS
from runner.runs.safe_folder import OwnFolder
from runner.supervisor.early import Early
from runner.supervisor.processes import POLL_SECONDS, Processes
from runner.supervisor.signals import without_hang_up

_BLOCK_BYTES = 1 << 16
"""How much is read from the pipe at once."""


@dataclass(frozen=True)
class Program:
    """What a stage process runs."""

    stage: str
    arguments: tuple[str, ...]
    """After `python -P`: `("-m", "runner.stages.train", "job.json")`."""
    environment: dict[str, str]
    """All of its environment variables; it inherits none from this process."""
    starts_workers: bool = False
    """True if the process starts workers in sessions of their own."""
    again: str = "resume it"
    """What running the lock again does with the unfinished stage, as a clause."""
    job: str = ""
    """The path of its job, for a process that was started early."""
    early: Early | None = None
    """Its process, if it was started early."""


@dataclass(frozen=True)
class Limits:
    """How long a supervisor waits for a stage process, in seconds."""

    beat_seconds: float = BEAT_SECONDS
    """Between two heartbeats of the stage."""
    stall_seconds: float = 60.0
    """Without a heartbeat until a warning: the process is stopped or hung."""
    quiet_seconds: float = 600.0
    """Without an event from a live process until a warning; the stage keeps running."""
    lost_seconds: float = math.inf
    """Without a heartbeat of one of its processes until the stage is ended, from the first on: one
    that has not begun yet may be slow to start."""
    grace_seconds: float = 120.0
    """From SIGTERM to SIGKILL, on top of twice the time of its last step and checkpoint."""


LIMITS = Limits()


class Appends(Protocol):
    """What takes the events of a stage: the writer of the run's events."""

    def append(self, stage: str, kind: str, fields: dict[str, Any]) -> object:
        """Take one event."""


@dataclass(frozen=True)
class Supervision:
    """What every stage is run with."""

    writer: Appends
    log: Path
    """The file in the run folder to which stdout and stderr of the stages are appended."""
    folder: OwnFolder
    """The run folder, locked by this process; the log and the event pipe are in it."""
    stopping: Callable[[], bool]
    """True once a stop was requested."""
    ending: Callable[[], bool] = lambda: False
    """True once the run is to end without a checkpoint."""
    limits: Limits = LIMITS


def launch(program: Program, supervision: Supervision) -> int:
    """Run one stage to its end and return its exit code (negative: killed by that signal).

    Raises RunFailed if the events cannot be written, after ending the stage.
    """
    with pipe.listening(supervision.folder) as inlet:
        child = _started(program, supervision, inlet)
        stage = Processes(child, supervision.folder.path, program.starts_workers)
        try:
            _Follower(stage, inlet.descriptor, program, supervision).follow()
        finally:
            inlet.close()  # a stage that still runs gets a broken pipe
            stage.end(supervision.limits.grace_seconds)
    return child.wait()


def _started(
    program: Program, supervision: Supervision, inlet: pipe.Inlet
) -> subprocess.Popen[bytes]:
    run = supervision.folder.path.absolute()
    paths = {pipe.PIPE_VARIABLE: str(inlet.path), pipe.RUN_VARIABLE: str(run)}
    if program.early and program.early.begin(program.job, paths):
        return program.early.child
    log = opened_log(supervision.folder, supervision.log)
    try:
        with without_hang_up():
            return subprocess.Popen(
                [sys.executable, "-P", *program.arguments],
                env=program.environment | paths,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
            )
    finally:
        os.close(log)


def opened_log(folder: OwnFolder, log: Path) -> int:
    """Return the descriptor of a run's log, to append to it."""
    return folder.open_file(log.name, os.O_WRONLY | os.O_APPEND | os.O_CREAT)


class _Follower:
    """Copies the events of one stage until it ends, and forwards a stop to it."""

    def __init__(
        self, processes: Processes, reader: int, program: Program, supervision: Supervision
    ) -> None:
        self._processes, self._reader, self._stage = processes, reader, program.stage
        self._again = program.again
        self._writer, self._limits = supervision.writer, supervision.limits
        self._supervision = supervision
        self._sent = Sent()
        self._open = True
        self._progressed = self._emptied = time.monotonic()
        self._stalled = self._quiet = self._killed = False
        self._silent = 0.0
        self._until: float | None = None

    def follow(self) -> None:
        while self._open or self._processes.alive():
            self._pass_on_a_stop()
            self._note_silence()
            if self._open:
                ended = not self._processes.alive()  # checked first: then the pipe holds the rest
                self._take(ended)
            else:
                self._emptied = time.monotonic()
                with suppress(subprocess.TimeoutExpired):
                    self._processes.child.wait(POLL_SECONDS)

    def _take(self, ended: bool) -> None:
        """Read what the stage sent, and note until when all of it has been read."""
        began = time.monotonic()
        if not select.select([self._reader], [], [], 0 if ended else POLL_SECONDS)[0]:
            self._emptied = began
            self._open = not ended
            return
        block = os.read(self._reader, _BLOCK_BYTES)
        if len(block) < _BLOCK_BYTES:
            self._emptied = began
        if not block:
            self._open = False
            return
        events = list(self._sent.events(block))
        self._hear()
        for kind, fields in events:
            self._progressed, self._quiet = time.monotonic(), False
            self._writer.append(self._stage, kind, fields)

    def _hear(self) -> None:
        _, silent = self._sent.stalest(time.monotonic())
        if self._stalled and silent < self._silent:
            self._stalled = False
            words = f"`{self._stage}` is responding again after {self._silent:.0f} s"
            self._warn(words, stalled_seconds=0)

    def _note_silence(self) -> None:
        """Warn of silence, as of the last time that the pipe was empty: what waits in it while this
        process is held up does not count."""
        rank, silent = self._sent.stalest(self._emptied)
        quiet = self._emptied - self._progressed
        who = f"`{self._stage}`" if rank is None else f"process {rank} of `{self._stage}`"
        if self._stalled:
            self._silent = max(self._silent, silent)
        if self._sent.heard and silent > self._limits.lost_seconds:
            self._processes.kill()
            raise RunFailed(
                f"{who[0].upper()}{who[1:]} has sent no heartbeat for {silent:.0f} s: it is "
                "stopped or hung.",
                fix=Advice(f"run the same command again to {self._again}"),
            )
        if silent > self._limits.stall_seconds and not self._stalled:
            self._stalled = self._quiet = True
            self._silent = silent
            words = f"no heartbeat from {who} for {silent:.0f} s: it is stopped or hung"
            self._warn(words, stalled_seconds=round(silent, 1))
        elif quiet > self._limits.quiet_seconds and not self._quiet:
            self._quiet = True
            words = f"`{self._stage}` is running but has reported no progress for {quiet:.0f} s"
            self._warn(words, quiet_seconds=round(quiet, 1))

    def _pass_on_a_stop(self) -> None:
        if self._supervision.ending():
            self._kill(f"`{self._stage}` was killed immediately")
        elif self._until is not None and time.monotonic() > self._until:
            self._kill(f"`{self._stage}` did not stop in time and was killed")
        elif self._until is not None:
            self._processes.ask_to_end()  # a worker may be suspended again, or have just started
        elif self._supervision.stopping() and self._until is None:
            grace = self._limits.grace_seconds + 2 * self._sent.longest_seconds
            self._until = time.monotonic() + grace
            self._processes.ask_to_end()
            fields = {"what": "stopping", "done": 0, "total": round(grace), "unit": "seconds"}
            fields["stop_within_seconds"] = round(grace)
            self._writer.append(self._stage, "progress", fields)

    def _kill(self, words: str) -> None:
        if not self._killed and self._processes.alive():
            self._killed = True
            self._processes.kill()
            self._warn(f"{words}; running the lock again will {self._again}")

    def _warn(self, words: str, **fields: float) -> None:
        self._writer.append(self._stage, "warning", {"text": words, **fields})
