"""One stage in processes of its own: its events into the file, a stop passed on to them.

The process is started with `python -P`, so that a `torch.py` in the folder where someone stands
is never imported, and in a process group of its own, so that a Ctrl-C reaches the supervisor
alone and the stage is always stopped the same way: by SIGTERM, and SIGKILL to its whole group
once its time is up. Where it starts workers of its own, as torchrun does, in sessions of their own,
each of those is asked and ended, by the lock that it has on the run folder.
"""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from runner.export.sent import Sent
from runner.runs import holders, pipe
from runner.runs.events import Writer
from runner.runs.heartbeat import BEAT_SECONDS
from runner.runs.safe_folder import OwnFolder

_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Program:
    """What a stage process runs."""

    stage: str
    arguments: tuple[str, ...]
    """After `python -P`: `("-m", "runner.stages.train", "job.json")`."""
    environment: dict[str, str]
    """All of its variables; of this process's own it gets no others."""
    starts_workers: bool = False
    """True where the process starts those that compute, in sessions of their own."""


@dataclass(frozen=True)
class Limits:
    """How long a supervisor waits for a stage process, in seconds."""

    beat_seconds: float = BEAT_SECONDS
    """Between two heartbeats of the stage."""
    stall_seconds: float = 60.0
    """Without a heartbeat: the process is stopped or hung, and a warning says so."""
    quiet_seconds: float = 600.0
    """Without an event from a process that lives: a warning; the stage is left to go on."""
    grace_seconds: float = 120.0
    """From asking a stage to stop to ending it, beyond twice its last step and checkpoint."""


LIMITS = Limits()


@dataclass(frozen=True)
class Supervision:
    """What the supervisor lends to every stage."""

    writer: Writer
    log: Path
    """Where stdout and stderr of the stages are appended; a file of the run's folder."""
    folder: OwnFolder
    """The run's folder, which is held; the log and the pipe of the events are in it."""
    stopping: Callable[[], bool]
    """True once somebody asked the run to stop."""
    ending: Callable[[], bool] = lambda: False
    """True once somebody wants the run to end without a checkpoint."""
    limits: Limits = LIMITS


def launch(program: Program, supervision: Supervision) -> int:
    """Run one stage to its end and return its exit code (negative: killed by that signal).

    Raises RunFailed where the events cannot be written; the stage is ended before.
    """
    with pipe.listening(supervision.folder) as inlet:
        child = _started(program, supervision, inlet)
        stage = _Stage(child, supervision.folder.path, program.starts_workers)
        try:
            _Follower(stage, inlet.descriptor, program.stage, supervision).follow()
        finally:
            inlet.close()  # a stage that still lives meets a broken pipe
            stage.end(supervision.limits.grace_seconds)
    return child.wait()


def _started(
    program: Program, supervision: Supervision, inlet: pipe.Inlet
) -> subprocess.Popen[bytes]:
    run = supervision.folder.path.absolute()
    told = {pipe.PIPE_VARIABLE: str(inlet.path), pipe.RUN_VARIABLE: str(run)}
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
    log = supervision.folder.open_file(supervision.log.name, flags)
    try:
        return subprocess.Popen(
            [sys.executable, "-P", *program.arguments],
            env=program.environment | told,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            process_group=0,
        )
    finally:
        os.close(log)


@dataclass
class _Stage:
    """The process of a stage, and the workers that it started, if it starts any."""

    child: subprocess.Popen[bytes]
    run: Path
    starts_workers: bool
    asked: set[int] = field(default_factory=set)
    """The workers that were asked to end."""

    def alive(self) -> bool:
        """Whether the process that was started lives."""
        return self.child.poll() is None

    def workers(self) -> list[holders.Process]:
        """Return the workers that the process started and that live."""
        if not self.starts_workers:
            return []
        return [one for one in holders.workers(self.run) if one.number != os.getpid()]

    def ask_to_end(self) -> None:
        """Send SIGTERM to whatever computes and was not asked yet, and wake what was stopped."""
        for worker in self.workers():
            if worker.number not in self.asked:
                self.asked.add(worker.number)
                holders.send(self.run, worker, signal.SIGTERM)
            holders.send(self.run, worker, signal.SIGCONT, group=True)
        if not self.alive():
            return
        if not self.starts_workers and self.child.pid not in self.asked:
            self.asked.add(self.child.pid)
            self.child.send_signal(signal.SIGTERM)
        with suppress(ProcessLookupError):
            os.killpg(self.child.pid, signal.SIGCONT)

    def kill(self) -> None:
        """End the process, all of its group and the workers, at once."""
        if self.alive():
            with suppress(ProcessLookupError):
                os.killpg(self.child.pid, signal.SIGKILL)
        for worker in self.workers():
            holders.send(self.run, worker, signal.SIGKILL, group=True)

    def end(self, grace_seconds: float) -> None:
        """End a stage that nobody follows any more; one that has ended is left as it is."""
        until = time.monotonic() + grace_seconds
        while self.alive() or self.workers():
            if time.monotonic() > until:
                self.kill()
                return
            self.ask_to_end()
            with suppress(subprocess.TimeoutExpired):
                self.child.wait(_POLL_SECONDS)
            if not self.alive():
                time.sleep(_POLL_SECONDS * bool(self.workers()))


class _Follower:
    """Copies the events of one stage until it ends, and passes a stop on to it."""

    def __init__(
        self, processes: _Stage, reader: int, stage: str, supervision: Supervision
    ) -> None:
        self._processes, self._reader, self._stage = processes, reader, stage
        self._writer, self._limits = supervision.writer, supervision.limits
        self._supervision = supervision
        self._sent = Sent()
        self._open = True
        self._heard = self._progressed = time.monotonic()
        self._stalled = self._quiet = self._killed = False
        self._until: float | None = None

    def follow(self) -> None:
        while self._open or self._processes.alive():
            self._pass_on_a_stop()
            self._note_silence()
            if self._open:
                ended = not self._processes.alive()  # asked first: then the pipe holds the rest
                self._take(ended)
            else:
                with suppress(subprocess.TimeoutExpired):
                    self._processes.child.wait(_POLL_SECONDS)

    def _take(self, ended: bool) -> None:
        if not select.select([self._reader], [], [], 0 if ended else _POLL_SECONDS)[0]:
            self._open = not ended
            return
        block = os.read(self._reader, 1 << 16)
        if not block:
            self._open = False
            return
        self._hear()
        for kind, fields in self._sent.events(block):
            self._progressed, self._quiet = self._heard, False
            self._writer.append(self._stage, kind, fields)

    def _hear(self) -> None:
        now = time.monotonic()
        if self._stalled:
            self._stalled = False
            words = f"`{self._stage}` is heard again after {now - self._heard:.0f} s"
            self._warn(words, stalled_seconds=0)
        self._heard = now

    def _note_silence(self) -> None:
        now = time.monotonic()
        silent, quiet = now - self._heard, now - self._progressed
        if silent > self._limits.stall_seconds and not self._stalled:
            self._stalled = self._quiet = True
            words = f"nothing heard from `{self._stage}` for {silent:.0f} s: stopped, or hung"
            self._warn(words, stalled_seconds=round(silent, 1))
        elif quiet > self._limits.quiet_seconds and not self._quiet:
            self._quiet = True
            words = f"`{self._stage}` lives, and reports no progress for {quiet:.0f} s"
            self._warn(words, quiet_seconds=round(quiet, 1))

    def _pass_on_a_stop(self) -> None:
        if self._supervision.ending():
            self._kill(f"`{self._stage}` was ended at once")
        elif self._until is not None and time.monotonic() > self._until:
            self._kill(f"`{self._stage}` did not stop in time, and was ended")
        elif self._until is not None:
            self._processes.ask_to_end()  # it may be stopped again, or begin only now
        elif self._supervision.stopping() and self._until is None:
            grace = self._limits.grace_seconds + 2 * self._sent.longest_seconds
            self._until = time.monotonic() + grace
            self._processes.ask_to_end()
            told = {"what": "stopping", "done": 0, "total": round(grace), "unit": "seconds"}
            told["stop_within_seconds"] = round(grace)
            self._writer.append(self._stage, "progress", told)

    def _kill(self, words: str) -> None:
        if not self._killed and self._processes.alive():
            self._killed = True
            self._processes.kill()
            self._warn(f"{words}; the run resumes from its last checkpoint")

    def _warn(self, words: str, **fields: float) -> None:
        self._writer.append(self._stage, "warning", {"text": words, **fields})
