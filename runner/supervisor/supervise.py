"""The supervisor: carries out a lock, stage after stage, and survives being asked to stop.

Light: no torch. It holds the run folder, writes all events, starts each stage in a process of
its own, and renames what a stage left into place. A stage that is done is not done again.
"""

import json
import os
import signal
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lockfiles import lock as locks
from lockfiles import receipt, text
from lockfiles.errors import Interrupted, RunFailed, Stopped, TunelockError, UsageProblem
from lockfiles.fixes import Advice, Command
from lockfiles.lock import Lock
from runner.engines.engine import engine_of, processes_of
from runner.environments import packages
from runner.environments.variables import environment
from runner.inputs import locations, verify
from runner.runs.events import Writer, read
from runner.runs.folder import (
    EVENTS,
    LOCK,
    LOG,
    PUBLISHED,
    STAGES,
    Held,
    StagePlace,
    check_names,
    looked_at,
    place,
)
from runner.runs.heartbeat import heartbeat
from runner.runs.kind import Asked, of_kind
from runner.runs.safe_folder import OwnFolder
from runner.supervisor import launch, preflight
from runner.supervisor.launch import LIMITS, Limits

_REPORT = "report.json"
_MOST_PUBLISHED_BYTES = 64 << 20
_SAME_SECONDS = 0.5
"""A second Ctrl-C so soon is the first one, passed on by a program around this one."""
_RESUMES = Advice("run the same command again to resume")
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
    limits: Limits = LIMITS


def run_folder(lock: Lock, runs: Path) -> Path:
    """Return the folder of a lock's run.

    It is named by what all results are made from, so that another export keeps what is done.
    """
    return runs / f"{lock.intent.name}-{lock.made_from[:8]}"


def check_folder(lock: Lock, runs: Path) -> None:
    """Raise UsageProblem as `run` would where the run's folder cannot be used; changes nothing."""
    run_at = _placed(lock, runs)
    with looked_at(run_at) as folder:
        if folder is None:
            return
        for one in lock.stage:
            _done(lock, run_at, one.id, folder)
        check_names(folder)


def run(order: Order, begun: Callable[[Path, int], None] = lambda folder, since: None) -> Path:
    """Carry out a lock to its end and return the run's folder.

    `begun` is called with the folder once it is held, before the first stage, and with the
    byte of `events.jsonl` from which on this run's events will stand. Raises the
    TunelockError of whatever stopped it: Stopped after SIGTERM, Interrupted after Ctrl-C, else
    the one of the stage that failed.
    """
    source = text.read(order.lock)
    lock = locks.parse(source, name=str(order.lock))
    located = locations.find(lock, order.lock, order.located)
    verify.check_whole(lock)
    run_at = _placed(lock, order.runs)
    with _sentences(run_at), _closed_to_others(), ExitStack() as stack:
        waiting = [one.id for one in lock.stage if order.fresh or not _done(lock, run_at, one.id)]
        held = _hold(run_at, order, stack) if os.path.lexists(run_at) else None
        asked = Asked(order.runs, order.allowed, waiting, located)
        preflight.check_all(lock, asked)
        held = held or _hold(run_at, order, stack)
        _carry_out(order, lock, source, located, held, begun)
    return run_at


def _placed(lock: Lock, runs: Path) -> Path:
    """Return the absolute path of a lock's run folder. Raises UsageProblem for one not in UTF-8."""
    run_at = run_folder(lock, runs).absolute()
    try:
        os.fsencode(run_at).decode("utf-8")
    except UnicodeDecodeError:
        raise UsageProblem(
            f"`{run_at}` is no path in UTF-8, and safetensors opens no other.",
            fix=Command("tunelock run run.lock --runs DIR", note="a folder of another name"),
        ) from None
    return run_at


def _hold(run_at: Path, order: Order, stack: ExitStack) -> Held:
    """Hold a run folder, with a heartbeat, until the stack is left."""
    held = Held(run_at)
    stack.callback(held.release)
    stack.enter_context(heartbeat(held.beat, order.limits.beat_seconds))
    return held


def _carry_out(
    order: Order,
    lock: Lock,
    source: str,
    located: Mapping[str, Path],
    held: Held,
    begun: Callable[[Path, int], None],
) -> None:
    folder = held.folder
    if order.fresh:
        folder.remove(STAGES)
    folder.write_whole(LOCK, source.encode())
    with Writer(folder.path / EVENTS, within=folder) as writer, _stops() as stop:
        begun(folder.path, writer.size)
        _Run(lock, folder.path, located, writer, held, stop, order.limits).carry_out()


@contextmanager
def _sentences(run_at: Path) -> Iterator[None]:
    """Turn what a disk or its rights refuse into one sentence."""
    try:
        yield
    except OSError as problem:
        raise RunFailed(
            f"`{problem.filename or run_at}` cannot be used: {problem.strerror or problem}.",
            fix=Advice("make room or set the rights, then run the same command again"),
        ) from None


@contextmanager
def _closed_to_others() -> Iterator[None]:
    """Let this process and its stages make no file that everybody may write."""
    before = os.umask(0o022)
    os.umask(before | 0o002)
    try:
        yield
    finally:
        os.umask(before)


@dataclass
class _Stop:
    """Whether, and how, somebody asked the run to stop."""

    signal: int | None = None
    at_once: bool = False
    """True once Ctrl-C came again: the stage is ended without a checkpoint."""
    asked_at: float = 0.0
    in_stage: bool = False
    """True while a stage runs, which is ended first."""

    def asked(self) -> bool:
        return self.signal is not None

    def ask(self, number: int) -> None:
        """Take a signal; one Ctrl-C may arrive twice, from the terminal and from a wrapper."""
        now = time.monotonic()
        if self.signal is None:
            self.signal, self.asked_at = number, now
        elif number == signal.SIGINT and now - self.asked_at > _SAME_SECONDS:
            self.signal, self.at_once = number, True
            if not self.in_stage:
                raise Interrupted("The run was interrupted.", fix=_RESUMES)


@contextmanager
def _stops() -> Iterator[_Stop]:
    """Turn SIGTERM and SIGINT into a request that the running stage gets."""
    stop = _Stop()

    def ask(number: int, _: object) -> None:
        stop.ask(number)

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
    limits: Limits

    def carry_out(self) -> None:
        names = [one.id for one in self.lock.stage]
        kinds = [one.kind for one in self.lock.stage]
        begun = time.monotonic()
        self.writer.append("run", "started", {"stages": names, "kinds": kinds})
        self._note_packages()
        self._note_damage()
        try:
            with _sentences(self.folder):
                for name in names:
                    self._stage(name)
        except TunelockError as problem:
            told: dict[str, Any] = {"message": problem.message, "hint": problem.hint}
            told["details"] = list(problem.details)
            with suppress(RunFailed):  # no room for it: what came before says why
                self.writer.append("run", "failed", told | {"exit_code": problem.exit_code})
            raise
        seconds = round(time.monotonic() - begun, 3)
        self.writer.append("run", "done", {"seconds": seconds})

    def _stage(self, name: str) -> None:
        if self.stop.asked():
            raise self._stopped()
        at, digest = self._place(name), self.lock.integrity[name]
        reports = of_kind(at.kind).publishes
        kept = at.done(digest)
        if kept is not None:
            self._check_kept(at, kept)
        if kept is None or (reports and not _can_publish(at)):
            at.begin(digest)
            self._launch(name, at)
            at.finish(digest, at.reported(_REPORT))
            at.drop_checkpoints()
        if reports:
            self._publish(at)

    def _place(self, name: str) -> StagePlace:
        return place(self.lock, self.folder, name, self.held.folder)

    def _check_kept(self, at: StagePlace, report: Mapping[str, Any]) -> None:
        """Compare what a stage left with what it reported, where others are still to read it."""
        at.check()
        waiting = [
            one.id
            for one in self.lock.stage
            if self._place(one.id).done(self.lock.integrity[one.id]) is None
        ]
        tensors = of_kind(at.kind).tensors
        if waiting and tensors:
            verify.check_kept(at.final / tensors, report["digests"])

    def _launch(self, name: str, at: StagePlace) -> None:
        job = {
            "stage": name,
            "run": str(self.folder),
            "work": str(at.partial),
            "places": {one: str(path) for one, path in self.places.items()},
            "beat_seconds": self.limits.beat_seconds,
        }
        path = at.write("job.json", json.dumps(job, indent=2).encode())
        engine = engine_of(self.lock, at.kind)
        program = launch.Program(
            stage=name,
            arguments=engine.arguments(path, processes_of(self.lock)),
            environment=environment(self.lock, online=of_kind(at.kind).online)
            | dict(engine.variables),
            starts_workers=engine.starts_workers,
        )
        supervision = launch.Supervision(
            writer=self.writer,
            log=self.folder / LOG,
            folder=self.held.folder,
            stopping=self.stop.asked,
            ending=lambda: self.stop.at_once,
            limits=self.limits,
        )
        since = self.writer.size
        self.stop.in_stage = True
        try:
            code = launch.launch(program, supervision)
        finally:
            self.stop.in_stage = False
        if code != 0:
            raise self._problem(name, code, since)

    def _problem(self, name: str, code: int, since: int) -> TunelockError:
        """Return what a stage's exit code means, in its own words where it had some.

        `since` is the byte of the events file where those of the stage begin.
        """
        ended = (-signal.SIGTERM, -signal.SIGKILL)
        if code == Stopped.exit_code or (self.stop.asked() and code in ended):
            return self._stopped()
        if code < 0:
            return RunFailed(
                f"The stage `{name}` was ended by {signal.Signals(-code).name}"
                f"{', as by the system when memory is short' if code == -signal.SIGKILL else ''}.",
                fix=Advice("run the same command again: it resumes from the last checkpoint"),
            )
        told = _last_failure(self.folder / EVENTS, name, since)
        kind = _ERRORS.get(code, RunFailed)
        message = told.get("message") or f"The stage `{name}` ended with exit code {code}."
        fix = Advice(told.get("hint") or f"see {self.folder / LOG}")
        return kind(message, fix=fix, details=told.get("details") or ())

    def _stopped(self) -> TunelockError:
        if self.stop.signal == signal.SIGINT:
            return Interrupted("The run was interrupted. It can be resumed.", fix=_RESUMES)
        return Stopped("The run was stopped. It can be resumed.", fix=_RESUMES)

    def _publish(self, at: StagePlace) -> None:
        for name in PUBLISHED:
            self.held.folder.write_whole(name, at.read(name, _MOST_PUBLISHED_BYTES))

    def _note_damage(self) -> None:
        count = self.writer.damaged
        if count:
            lines = "1 damaged line" if count == 1 else f"{count} damaged lines"
            told = {"text": f"{lines} of `{EVENTS}` passed over", "damaged_lines": count}
            self.writer.append("run", "warning", told)

    def _note_packages(self) -> None:
        found = packages.packages_found(self.lock)
        for one in packages.package_differences(self.lock, found):
            name = one.field.partition(".")[2]
            sentence = f"`{name}` {one.found} is installed, and {one.locked} was planned for"
            self.writer.append("run", "warning", {"text": sentence})


def _done(lock: Lock, folder: Path, name: str, held: OwnFolder | None = None) -> bool:
    try:
        return place(lock, folder, name, held).done(lock.integrity[name]) is not None
    except OSError:  # a folder that cannot be opened is reported where it is held
        return False


def _can_publish(at: StagePlace) -> bool:
    """Return whether a finished report has a page and a receipt that can be read."""
    try:
        for name in PUBLISHED:
            at.read(name, _MOST_PUBLISHED_BYTES)
        receipt.read(at.final / PUBLISHED[0])
    except (OSError, UsageProblem):
        return False
    return True


def _last_failure(events: Path, stage: str, since: int) -> dict[str, Any]:
    told = read(events, offset=since)[0]
    failures = [e.fields for e in told if e.kind == "failed" and e.stage == stage]
    return failures[-1] if failures else {}
