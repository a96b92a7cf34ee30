"""One attempt to run a lock in its folder, stage after stage."""

import json
import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lockfiles import receipt
from lockfiles.errors import Interrupted, RunFailed, Stopped, TunelockError, UsageProblem
from lockfiles.fixes import Advice
from lockfiles.lock import Lock
from lockfiles.stage_kinds.registry import KINDS
from runner.engines.engine import STAGE, engine_of, processes_of
from runner.engines.meeting import ENDS_VARIABLE, read_ends
from runner.environments import packages
from runner.environments.variables import environment
from runner.inputs import verify
from runner.nodes.machines import ENDS, Machines
from runner.nodes.words import Ends, explained
from runner.runs.events import Writer, read
from runner.runs.folder import EVENTS, LOG, PUBLISHED, Held, StagePlace, place
from runner.runs.kind import of_kind
from runner.supervisor import continuing, early, launch, results
from runner.supervisor.early import Early
from runner.supervisor.launch import Limits
from runner.supervisor.signals import RESUMES, Stop
from runner.supervisor.spread import Spread

_REPORT = "report.json"
_MOST_PUBLISHED_BYTES = 64 << 20
_ERRORS: dict[int, type[TunelockError]] = {
    kind.exit_code: kind for kind in TunelockError.__subclasses__()
}


@contextmanager
def sentences(run_at: Path) -> Iterator[None]:
    """Turn errors of the disk and its permissions into one sentence."""
    try:
        yield
    except OSError as problem:
        raise RunFailed(
            f"`{problem.filename or run_at}` cannot be used: {problem.strerror or problem}.",
            fix=Advice("free disk space or fix the permissions, then run the same command again"),
        ) from None


@dataclass(frozen=True)
class Attempt:
    """One lock being run in one folder."""

    lock: Lock
    lock_file: Path
    """The file that it was read from."""
    folder: Path
    places: Mapping[str, Path]
    writer: Writer
    held: Held
    stop: Stop
    limits: Limits
    notes: Sequence[str] = ()
    """Warnings from before the first stage."""
    machines: Machines | None = None
    """The machines of the run; None on one machine."""
    source: continuing.Former | None = None
    """The run whose checkpoint is to be copied; None for none."""
    early: list[Early] = field(default_factory=list)
    """The processes that wait for the turn of their stage."""

    def run(self) -> None:
        """Run every stage that is not done. Raises the TunelockError that ended the run."""
        names = [one.id for one in self.lock.stage]
        kinds = [one.kind for one in self.lock.stage]
        begun = time.monotonic()
        self.writer.append("run", "started", {"stages": names, "kinds": kinds})
        for note in self.notes:
            self.writer.append("run", "warning", {"text": note, "of_attempt": True})
        self._note_packages()
        self._note_damage()
        try:
            with sentences(self.folder), ExitStack() as stack:
                stack.callback(self._end_early)
                self._continue()
                ran = False
                for name in names:
                    ran |= self._stage(name, ran)
        except TunelockError as problem:
            problem.of_lock(self.lock_file)
            fields: dict[str, Any] = {"message": problem.message, "hint": problem.hint}
            fields["details"] = list(problem.details)
            with suppress(RunFailed):  # the disk may be full: the events before say so
                self.writer.append("run", "failed", fields | {"exit_code": problem.exit_code})
            raise
        seconds = round(time.monotonic() - begun, 3)
        self.writer.append("run", "done", {"seconds": seconds})

    def _continue(self) -> None:
        """Copy the checkpoint that the training is to continue from, unless it is there."""
        name = self.lock.first("train")
        if not name:
            return
        at, digest = self._place(name), self.lock.integrity[name]
        if results.kept(at, digest) is not None:
            return
        if self.source:
            at.begin(digest)
            others = self._spread(name, at.kind)
            continuing.take(self.source, at, partial(self._copying, name), others)
        elif at.begun(digest):
            continuing.check_complete(at.partial)

    def _copying(self, stage: str, what: str, done: int, total: int) -> None:
        if self.stop.asked():
            raise self._stopped()
        fields = {"what": what, "done": done, "total": total, "unit": "bytes"}
        self.writer.append(stage, "progress", fields)

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
        runs = kept is None or (reports and (changed or not can_publish(at)))
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
        with TemporaryDirectory(prefix="tunelock-") as private:
            self._launch_telling(name, at, Path(private) / ENDS)

    def _launch_telling(self, name: str, at: StagePlace, ends: Path) -> None:
        """Launch a stage, whose processes' ends are written to the file `ends`."""
        job = {
            "stage": name,
            "lock": str(self.lock_file),
            "run": str(self.folder),
            "work": str(at.partial),
            "places": {one: str(path) for one, path in self.places.items()},
            "beat_seconds": self.limits.beat_seconds,
        }
        path = at.write("job.json", json.dumps(job, indent=2).encode())
        engine = engine_of(self.lock, at.kind)
        spread = self._spread(name, at.kind)
        self._start_next(name)
        program = launch.Program(
            stage=name,
            again=self._again(name),
            arguments=engine.arguments(STAGE, path, processes_of(self.lock)),
            environment=environment(self.lock, online=of_kind(at.kind).online)
            | (spread.begin(engine) if spread else {**engine.variables, ENDS_VARIABLE: str(ends)}),
            starts_workers=engine.starts_workers,
            job=str(path),
            early=next((one for one in self.early if one.stage == name), None),
        )
        supervision = launch.Supervision(
            writer=self.writer,
            log=self.folder / LOG,
            folder=self.held.folder,
            stopping=self.stop.asked,
            ending=lambda: self._ending(spread),
            limits=self.limits,
        )
        since = self.writer.size
        self.stop.in_stage = True
        try:
            code = launch.launch(program, supervision)
        finally:
            self.stop.in_stage = False
        elsewhere = spread.problem(code) if spread else self._kept_away()
        if code != 0:
            raise elsewhere or self._problem(name, code, since, read_ends(ends))

    def _ending(self, spread: Spread | None) -> bool:
        """Return whether the running stage is to be killed."""
        return self.stop.at_once or bool(spread.ending() if spread else self._kept_away())

    def _kept_away(self) -> TunelockError | None:
        """Return the error of a machine that does not come: this one need not continue then."""
        return self.machines.kept_away if self.machines and not self.stop.asked() else None

    def _spread(self, name: str, kind: str) -> Spread | None:
        """Return how a stage runs on several machines; None if it runs on this one."""
        if self.machines is None or not KINDS[kind].spreads:
            return None
        return Spread(name, self.machines, self.writer, self.stop)

    def _start_next(self, name: str) -> None:
        """Start the process of the stage after `name` early, where that saves its imports."""
        after = early.after(self.lock, name)
        if after is None or results.kept(self._place(after.id), self.lock.integrity[after.id]):
            return
        log = launch.opened_log(self.held.folder, self.folder / LOG)
        try:
            self.early.append(early.started(self.lock, after, self.folder, log))
        except OSError:  # it is started in its turn
            return
        finally:
            os.close(log)

    def _end_early(self) -> None:
        for one in self.early:
            one.end()

    def _problem(self, name: str, code: int, since: int, codes: Mapping[int, int]) -> TunelockError:
        """Return the error for a stage's exit code, with the stage's own message if it sent one.

        `since` is the byte offset of the stage's first event in the events file, and `codes` say
        how the processes that it started failed, by rank.
        """
        ended = (-signal.SIGTERM, -signal.SIGKILL)
        if code == Stopped.exit_code or (self.stop.asked() and code in ended):
            return self._stopped()
        if code < 0:
            why = ", possibly because memory ran out" if code == -signal.SIGKILL else ""
            said = f"The stage `{name}` was ended by {signal.Signals(-code).name}{why}."
            return RunFailed(
                explained([Ends("", codes)], name) or said,
                fix=Advice(f"run the same command again to {self._again(name)}"),
            )
        failure = _last_failure(self.folder / EVENTS, name, since)
        kind = _ERRORS.get(code, RunFailed)
        message = failure.get("message") or f"The stage `{name}` ended with exit code {code}."
        fix = Advice(failure.get("hint") or f"see {self.folder / LOG}")
        return kind(message, fix=fix, details=failure.get("details") or ())

    def _again(self, name: str) -> str:
        """Return what the same command does with an unfinished stage."""
        trains = KINDS[self._place(name).kind].spreads == "engine"
        return "resume from its last checkpoint, if any" if trains else f"repeat the stage `{name}`"

    def _stopped(self) -> TunelockError:
        if self.stop.signal == signal.SIGINT:
            return Interrupted("The run was interrupted. It can be resumed.", fix=RESUMES)
        why = " because its terminal or session ended" * (self.stop.signal == signal.SIGHUP)
        return Stopped(f"The run was stopped{why}. It can be resumed.", fix=RESUMES)

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
        for name, version in packages.kernels_found(self.lock).items():
            sentence = f"kernels of `{name}` {version} compute some layers, instead of torch's own"
            self.writer.append("run", "warning", {"text": sentence})


def can_publish(at: StagePlace) -> bool:
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
