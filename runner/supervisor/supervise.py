"""The supervisor: runs a lock, stage after stage, and handles stop signals.

Imports no torch. It locks the run folder, writes all events, starts each stage in a separate
process, and renames the results of a stage into place. A finished stage is not run again.
"""

import json
import os
import signal
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
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
from runner.inputs import finished, locations, verify
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
from runner.supervisor import launch, preflight, results
from runner.supervisor.launch import LIMITS, Limits

_REPORT = "report.json"
_MOST_PUBLISHED_BYTES = 64 << 20
_SAME_SECONDS = 0.5
"""A second Ctrl-C within this time is the first one, forwarded by a wrapper such as `uv run`."""
_RESUMES = Advice("run the same command again to resume")
_ERRORS: dict[int, type[TunelockError]] = {
    kind.exit_code: kind for kind in TunelockError.__subclasses__()
}


@dataclass(frozen=True)
class Order:
    """What the supervisor is asked to run."""

    lock: Path
    runs: Path
    """The folder of the run folders."""
    located: Mapping[str, Path] = field(default_factory=dict)
    """Logical name to path, for inputs that have moved."""
    allowed: Collection[str] = ()
    """Hub repositories that may be pushed to."""
    fresh: bool = False
    """True: finished stages are run again."""
    limits: Limits = LIMITS


def run_folder(lock: Lock, runs: Path) -> Path:
    """Return the folder of a lock's run.

    It is named by what all results are made from, so that another export keeps what is done.
    """
    return runs / f"{lock.intent.name}-{lock.made_from[:8]}"


def check_folder(lock: Lock, runs: Path) -> None:
    """Raise UsageProblem as `run` would if the run folder cannot be used; changes nothing."""
    run_at = _placed(lock, runs)
    with looked_at(run_at) as folder:
        if folder is None:
            return
        for one in lock.stage:
            _done(lock, run_at, one.id, folder)
        check_names(folder)


def run(order: Order, begun: Callable[[Path, int], None] = lambda folder, since: None) -> Path:
    """Run a lock to its end and return the run folder.

    `begun` is called once the folder is locked, before the first stage, with the folder and the
    byte offset in `events.jsonl` where this run's events start. Raises the TunelockError that
    ended the run: Stopped after SIGTERM, Interrupted after Ctrl-C, else that of the failed stage.
    """
    source = text.read(order.lock)
    lock = locks.parse(source, name=str(order.lock))
    located = locations.known(lock, order.lock, order.located)
    verify.check_whole(lock)
    run_at = _placed(lock, order.runs)
    notes: list[str] = []
    with _sentences(run_at), _closed_to_others(), ExitStack() as stack:
        waiting = [one.id for one in lock.stage if order.fresh or not _done(lock, run_at, one.id)]
        if not order.fresh:
            results.check(lock, run_at)
        if waiting:
            locations.check_all_known(lock, located)
        else:
            notes += finished.check(lock, located)
        held = _hold(run_at, order, stack) if os.path.lexists(run_at) else None
        asked = Asked(order.runs, order.allowed, waiting, located)
        preflight.check_all(lock, asked)
        held = held or _hold(run_at, order, stack)
        _run_in(order, lock, source, located, held, begun, notes)
    return run_at


def _placed(lock: Lock, runs: Path) -> Path:
    """Return the absolute path of a lock's run folder. Raises UsageProblem if it is not UTF-8."""
    run_at = run_folder(lock, runs).absolute()
    try:
        os.fsencode(run_at).decode("utf-8")
    except UnicodeDecodeError:
        raise UsageProblem(
            f"The path `{run_at}` is not valid UTF-8, which safetensors requires.",
            fix=Command("tunelock run run.lock --runs DIR", note="with another folder"),
        ) from None
    return run_at


def _hold(run_at: Path, order: Order, stack: ExitStack) -> Held:
    """Lock a run folder, with a heartbeat, until the stack is closed."""
    held = Held(run_at)
    stack.callback(held.release)
    stack.enter_context(heartbeat(held.beat, order.limits.beat_seconds))
    return held


def _run_in(
    order: Order,
    lock: Lock,
    source: str,
    located: Mapping[str, Path],
    held: Held,
    begun: Callable[[Path, int], None],
    notes: Sequence[str],
) -> None:
    folder = held.folder
    if order.fresh:
        folder.remove(STAGES)
    folder.write_whole(LOCK, source.encode())
    with Writer(folder.path / EVENTS, within=folder) as writer, _stops() as stop:
        begun(folder.path, writer.size)
        _Run(lock, folder.path, located, writer, held, stop, order.limits, notes).run()


@contextmanager
def _sentences(run_at: Path) -> Iterator[None]:
    """Turn errors of the disk and its permissions into one sentence."""
    try:
        yield
    except OSError as problem:
        raise RunFailed(
            f"`{problem.filename or run_at}` cannot be used: {problem.strerror or problem}.",
            fix=Advice("free disk space or fix the permissions, then run the same command again"),
        ) from None


@contextmanager
def _closed_to_others() -> Iterator[None]:
    """Keep this process and its stages from creating world-writable files."""
    before = os.umask(0o022)
    os.umask(before | 0o002)
    try:
        yield
    finally:
        os.umask(before)


@dataclass
class _Stop:
    """Whether and how a stop was requested."""

    signal: int | None = None
    at_once: bool = False
    """True after a second Ctrl-C: the stage is killed without a checkpoint."""
    asked_at: float = 0.0
    in_stage: bool = False
    """True while a stage is running, which is ended first."""

    def asked(self) -> bool:
        return self.signal is not None

    def ask(self, number: int) -> None:
        """Record a signal; one Ctrl-C may arrive twice, from the terminal and from a wrapper."""
        now = time.monotonic()
        if self.signal is None:
            self.signal, self.asked_at = number, now
        elif number == signal.SIGINT and now - self.asked_at > _SAME_SECONDS:
            self.signal, self.at_once = number, True
            if not self.in_stage:
                raise Interrupted("The run was interrupted.", fix=_RESUMES)


@contextmanager
def _stops() -> Iterator[_Stop]:
    """Turn SIGTERM and SIGINT into a stop request for the running stage."""
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
    """One lock being run in one folder."""

    lock: Lock
    folder: Path
    places: Mapping[str, Path]
    writer: Writer
    held: Held
    stop: _Stop
    limits: Limits
    notes: Sequence[str] = ()
    """Warnings from before the first stage."""

    def run(self) -> None:
        names = [one.id for one in self.lock.stage]
        kinds = [one.kind for one in self.lock.stage]
        begun = time.monotonic()
        self.writer.append("run", "started", {"stages": names, "kinds": kinds})
        for note in self.notes:
            self.writer.append("run", "warning", {"text": note, "of_attempt": True})
        self._note_packages()
        self._note_damage()
        try:
            with _sentences(self.folder):
                ran = False
                for name in names:
                    ran |= self._stage(name, ran)
        except TunelockError as problem:
            fields: dict[str, Any] = {"message": problem.message, "hint": problem.hint}
            fields["details"] = list(problem.details)
            with suppress(RunFailed):  # the disk may be full: the events before say so
                self.writer.append("run", "failed", fields | {"exit_code": problem.exit_code})
            raise
        seconds = round(time.monotonic() - begun, 3)
        self.writer.append("run", "done", {"seconds": seconds})

    def _stage(self, name: str, changed: bool) -> bool:
        """Run a stage unless it is done, and return whether it ran.

        `changed`: an earlier stage ran, so that the report is written again.
        """
        if self.stop.asked():
            raise self._stopped()
        at, digest = self._place(name), self.lock.integrity[name]
        reports = of_kind(at.kind).publishes
        kept = at.done(digest)
        if kept is not None and (damage := at.damage(kept)):
            text = f"{damage}, so the stage `{name}` is run again"
            self.writer.append("run", "warning", {"text": text})
            kept = None
        if kept is not None:
            self._check_kept(at, kept)
        runs = kept is None or (reports and (changed or not _can_publish(at)))
        if runs:
            at.begin(digest)
            self._launch(name, at)
            at.finish(digest, at.reported(_REPORT))
            at.drop_checkpoints()
        if reports:
            self._publish(at)
        return runs

    def _place(self, name: str) -> StagePlace:
        return place(self.lock, self.folder, name, self.held.folder)

    def _check_kept(self, at: StagePlace, report: Mapping[str, Any]) -> None:
        """Compare a stage's tensors with its report, if stages are left that may read them."""
        at.check()
        waiting = [
            one.id
            for one in self.lock.stage
            if results.kept(self._place(one.id), self.lock.integrity[one.id]) is None
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
            again=self._again(name),
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
        """Return the error for a stage's exit code, with the stage's own message if it sent one.

        `since` is the byte offset of the stage's first event in the events file.
        """
        ended = (-signal.SIGTERM, -signal.SIGKILL)
        if code == Stopped.exit_code or (self.stop.asked() and code in ended):
            return self._stopped()
        if code < 0:
            return RunFailed(
                f"The stage `{name}` was ended by {signal.Signals(-code).name}"
                f"{', possibly because memory ran out' if code == -signal.SIGKILL else ''}.",
                fix=Advice(f"run the same command again to {self._again(name)}"),
            )
        failure = _last_failure(self.folder / EVENTS, name, since)
        kind = _ERRORS.get(code, RunFailed)
        message = failure.get("message") or f"The stage `{name}` ended with exit code {code}."
        fix = Advice(failure.get("hint") or f"see {self.folder / LOG}")
        return kind(message, fix=fix, details=failure.get("details") or ())

    def _again(self, name: str) -> str:
        """Return what the same command does with an unfinished stage."""
        trains = of_kind(self._place(name).kind).trains
        return "resume from its last checkpoint, if any" if trains else f"repeat the stage `{name}`"

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
            fields = {"text": f"skipped {lines} of `{EVENTS}`", "damaged_lines": count}
            self.writer.append("run", "warning", fields)

    def _note_packages(self) -> None:
        found = packages.packages_found(self.lock)
        for one in packages.package_differences(self.lock, found):
            name = one.field.partition(".")[2]
            sentence = f"`{name}` {one.found} is installed, but the lock has {one.locked}"
            self.writer.append("run", "warning", {"text": sentence})


def _done(lock: Lock, folder: Path, name: str, held: OwnFolder | None = None) -> bool:
    try:
        return results.kept(place(lock, folder, name, held), lock.integrity[name]) is not None
    except OSError:  # a folder that cannot be opened is reported when it is locked
        return False


def _can_publish(at: StagePlace) -> bool:
    """Return whether a finished report stage has a readable page and receipt."""
    try:
        for name in PUBLISHED:
            at.read(name, _MOST_PUBLISHED_BYTES)
        receipt.read(at.final / PUBLISHED[0])
    except (OSError, UsageProblem):
        return False
    return True


def _last_failure(events: Path, stage: str, since: int) -> dict[str, Any]:
    sent = read(events, offset=since)[0]
    failures = [e.fields for e in sent if e.kind == "failed" and e.stage == stage]
    return failures[-1] if failures else {}
