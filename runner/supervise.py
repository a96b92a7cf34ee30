"""The supervisor: carries out a lock, stage after stage, and survives being asked to stop.

Light: no torch. It holds the run folder, writes all events, starts each stage in a process of
its own, and renames what a stage left into place. A stage that is done is not done again.
"""

import json
import shutil
import signal
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lockfiles import lock as locks
from lockfiles import text
from lockfiles.errors import Interrupted, RunFailed, Stopped, TunelockError
from lockfiles.files import write_whole
from lockfiles.lock import Lock
from runner import launch, places, preflight, verify
from runner.environment import environment
from runner.events import Writer, read
from runner.folder import Held, StagePlace
from runner.road.context import place

_PUBLISHED = ("receipt.json", "report.html")
_ONLINE = ("prepare", "push")
"""The stages that may speak to the Hub."""
_ERRORS: dict[int, type[TunelockError]] = {
    kind.exit_code: kind for kind in TunelockError.__subclasses__()
}


@dataclass(frozen=True)
class Order:
    """What a person asks the supervisor to do."""

    lock: Path
    runs: Path
    """Where run folders stand."""
    located: Mapping[str, Path] = field(default_factory=dict)
    """Logical name to path, for inputs that lie elsewhere."""
    allowed: Collection[str] = ()
    """Hub repositories that may be pushed to."""
    fresh: bool = False
    """True: done stages are done again."""


def run_folder(lock: Lock, runs: Path) -> Path:
    """Return the folder of a lock's run."""
    return runs / f"{lock.intent.name}-{lock.integrity['train'][:8]}"


def run(order: Order, begun: Callable[[Path, int], None] = lambda folder, since: None) -> Path:
    """Carry out a lock to its end and return the run's folder.

    `begun` is called with the folder once it is held, before the first stage, and with the
    byte of `events.jsonl` from which on this run's events will stand. Raises the
    TunelockError of whatever stopped it: Stopped after SIGTERM, Interrupted after Ctrl-C, else
    the one of the stage that failed.
    """
    source = text.read(order.lock)
    lock = locks.parse(source, name=str(order.lock))
    located = places.find(lock, order.lock, order.located)
    verify.check_whole(lock)
    run_at = run_folder(lock, order.runs).absolute()
    waiting = [one.name for one in lock.stage if order.fresh or not _done(lock, run_at, one.name)]
    held = Held(run_at) if run_at.exists() else None
    try:
        preflight.check(lock, order.runs, order.allowed, waiting)
        held = held or Held(run_at)
        if order.fresh:
            shutil.rmtree(run_at / "stages", ignore_errors=True)
        write_whole(run_at / "run.lock", source.encode())
        with Writer(run_at / "events.jsonl") as writer, _stops() as stop:
            begun(run_at, writer.size)
            _Run(lock, run_at, located, writer, held, stop).carry_out()
    finally:
        if held:
            held.release()
    return run_at


@dataclass
class _Stop:
    """Whether, and how, somebody asked the run to stop."""

    signal: int | None = None

    def asked(self) -> bool:
        return self.signal is not None


@contextmanager
def _stops() -> Iterator[_Stop]:
    """Turn SIGTERM and SIGINT into a request that the running stage gets."""
    stop = _Stop()

    def ask(number: int, _: object) -> None:
        stop.signal = stop.signal or number

    before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@dataclass(frozen=True)
class _Run:
    """One lock being carried out in one folder."""

    lock: Lock
    folder: Path
    places: Mapping[str, Path]
    writer: Writer
    held: Held
    stop: _Stop

    def carry_out(self) -> None:
        names = [one.name for one in self.lock.stage]
        begun = time.monotonic()
        self.writer.append("run", "started", {"stages": names})
        self._note_packages()
        try:
            for name in names:
                self._stage(name)
        except TunelockError as problem:
            told = {"message": problem.sentence, "hint": problem.hint}
            self.writer.append("run", "failed", told | {"exit_code": problem.exit_code})
            raise
        seconds = round(time.monotonic() - begun, 3)
        self.writer.append("run", "done", {"seconds": seconds})

    def _stage(self, name: str) -> None:
        if self.stop.asked():
            raise self._stopped()
        at, digest = place(self.lock, self.folder, name), self.lock.integrity[name]
        kept = at.done(digest)
        if kept is not None:
            self._check_kept(name, at, kept)
        else:
            work = at.begin(digest)
            self._launch(name, work)
            at.finish(digest, json.loads((work / "report.json").read_bytes()))
            for checkpoint in at.final.glob("checkpoint-*"):
                shutil.rmtree(checkpoint)
        if name == "report":
            self._publish(at)

    def _check_kept(self, name: str, at: StagePlace, report: Mapping[str, Any]) -> None:
        """Compare what a stage left with what it reported, where others are still to read it."""
        waiting = [
            one.name for one in self.lock.stage if not _done(self.lock, self.folder, one.name)
        ]
        if waiting and name in verify.TENSORS:
            verify.check_kept(at.final / verify.TENSORS[name], report["digests"])

    def _launch(self, name: str, work: Path) -> None:
        job = {
            "stage": name,
            "run": str(self.folder),
            "work": str(work),
            "places": {one: str(path) for one, path in self.places.items()},
        }
        path = work / "job.json"
        write_whole(path, json.dumps(job, indent=2).encode())
        variables = environment(self.lock, online=name in _ONLINE)
        program = launch.Program(name, ("-m", "runner.road", str(path)), variables)
        supervision = launch.Supervision(
            self.writer, self.folder / "log.txt", self.held.descriptor, self.stop.asked
        )
        code = launch.launch(program, supervision)
        if code != 0:
            raise self._problem(name, code)

    def _problem(self, name: str, code: int) -> TunelockError:
        """Return what a stage's exit code means, in its own words where it had some."""
        if code == Stopped.exit_code or (self.stop.asked() and code == -signal.SIGTERM):
            return self._stopped()
        if code < 0:
            return RunFailed(
                f"The stage `{name}` was ended by {signal.Signals(-code).name}"
                f"{', as by the system when memory is short' if code == -signal.SIGKILL else ''}.",
                hint="run the same command again: it goes on from the last checkpoint",
            )
        told = _last_failure(self.folder / "events.jsonl", name)
        kind = _ERRORS.get(code, RunFailed)
        message = told.get("message") or f"The stage `{name}` ended with exit code {code}."
        return kind(message, hint=told.get("hint") or f"see {self.folder / 'log.txt'}")

    def _stopped(self) -> TunelockError:
        hint = "run the same command again: it goes on from there"
        if self.stop.signal == signal.SIGINT:
            return Interrupted("The run was interrupted, and goes on from here.", hint=hint)
        return Stopped("The run was stopped, and goes on from here.", hint=hint)

    def _publish(self, at: StagePlace) -> None:
        for name in _PUBLISHED:
            write_whole(self.folder / name, (at.final / name).read_bytes())

    def _note_packages(self) -> None:
        found = preflight.packages_found(self.lock)
        for one in preflight.package_differences(self.lock, found):
            name = one.field.partition(".")[2]
            sentence = f"`{name}` {one.found} is installed, and {one.locked} was planned for"
            self.writer.append("run", "warning", {"text": sentence})


def _done(lock: Lock, folder: Path, name: str) -> bool:
    return place(lock, folder, name).done(lock.integrity[name]) is not None


def _last_failure(events: Path, stage: str) -> dict[str, Any]:
    failures = [e.fields for e in read(events)[0] if e.kind == "failed" and e.stage == stage]
    return failures[-1] if failures else {}
