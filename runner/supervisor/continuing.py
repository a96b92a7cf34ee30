"""Continuing a training from a checkpoint of another run: another number of cards, say.

The other run's folder is only read. Its checkpoint is copied into the new run's folder under a
temporary name, compared by digest, and renamed. A record says from where, and whether the copy is
complete: a copy that was cut short is made again. Once it is complete, the former run is not read
again: the same command resumes the new one, whatever became of the other.

With several machines, machine 0 copies. The others read the copy before it counts as complete.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from lockfiles import digest, files
from lockfiles import lock as locks
from lockfiles.compare import word
from lockfiles.continuing import EFFECTIVE_BATCH, EXACT, obstacle, step_rows
from lockfiles.errors import DigestDiffers, RunFailed, Stopped, UsageProblem
from lockfiles.fixes import PLAN_AGAIN, Advice, Answer, Command, Option, Steps
from lockfiles.harmless import one_line
from lockfiles.lock import Lock, TrainingLock
from lockfiles.receipt import Continued
from runner.runs.continued import RECORD, Record, record_of
from runner.runs.folder import LOCK, StagePlace, place
from runner.runs.holders import is_held
from runner.runs.safe_folder import OwnFolder
from runner.runs.whole import CHECKPOINT, WHOLE, Mark, is_whole, mark_of, newest_whole
from runner.supervisor.spread import Spread

_COPY = ".copy"
_STATE = "trainer_state.json"
_BLOCK_BYTES = 1 << 20
_MOST_STATE_BYTES = 256 << 20
_SHOWN_SECONDS = 60.0
"""How long a shared file system may take to show a copy to another machine."""
_POLL_SECONDS = 0.2
_SHARED = Option("--runs DIR", to="use a folder that all machines share:")

Progress = Callable[[str, int, int], None]
"""Called with what is copied, the bytes so far and the total."""


@dataclass(frozen=True)
class Former:
    """The run that a training continues."""

    run: Path
    work: Path
    """The folder of its checkpoints."""
    source: Continued
    """What a receipt says of it; its digest is known once it is copied."""
    steps: tuple[int, ...]
    """The checkpoints to copy: the best one, and the newest."""


def former(lock: Lock, run: Path, own: Path, at: Path) -> Former:
    """Return the run that a lock's training is to continue; `own` is the run folder of the lock,
    and `at` its file.

    Raises UsageProblem where it cannot: `lockfiles.continuing` says which locks it takes.
    """
    before = check_locks(lock, run, own, at)
    if is_held(run):
        raise UsageProblem(
            f"`{run}` is still running.", fix=Command("tunelock stop {}", run, to="stop it first")
        )
    return _with_checkpoints(before, run)


def check_locks(lock: Lock, run: Path, own: Path, at: Path) -> TrainingLock:
    """Return the lock of the run to continue. Raises UsageProblem if this lock cannot continue it;
    the arguments are those of `former`."""
    now, before = lock.training(), _lock_of(run)
    if run.resolve() == own.resolve():
        raise UsageProblem(
            f"`{run}` is the run of this lock itself.",
            fix=Command("tunelock run {}", at, to="resume it"),
        )
    found = obstacle(before, now)
    if found and found.field == EXACT:
        raise UsageProblem(
            f"This lock cannot continue `{run}`: it promises exact bits, which only one run from "
            "its start has.",
            fix=Steps((Answer("train.exact", False), PLAN_AGAIN)),
        )
    if found:
        values = [one_line(word(one), most=40) for one in (found.locked, found.found)]
        raise UsageProblem(
            f"This lock cannot continue `{run}`: `{found.field}` is `{values[0]}` there, and "
            f"`{values[1]}` here.",
            fix=Steps((Answer(EFFECTIVE_BATCH, step_rows(before)), PLAN_AGAIN))
            if found.field == EFFECTIVE_BATCH
            else Command("tunelock diff {} {}", run / LOCK, at, to="see all that differs"),
        )
    return before


def is_there(run: Path) -> bool:
    """Return whether this machine sees the folder of a run."""
    return (run / LOCK).is_file()


def is_copied(lock: TrainingLock, run: Path, own: Path) -> bool:
    """Return whether the run folder `own` of a lock has its copy of a run's checkpoint already."""
    name = lock.first("train")
    at = place(lock, own, name)
    record = record_of(at.partial) if at.begun(lock.integrity[name]) else None
    return record is not None and record.complete and record.source.run == _name(run)


def _name(run: Path) -> str:
    return one_line(run.resolve().name, most=200)


def _lock_of(run: Path) -> TrainingLock:
    if not is_there(run):
        raise UsageProblem(
            f"`{run}` is not the folder of a run: it has no `{LOCK}`.",
            fix=Command("tunelock status", to="list the runs"),
        )
    return locks.read(run / LOCK).training()


def _with_checkpoints(before: TrainingLock, run: Path) -> Former:
    at = place(before, run, before.first("train"))
    newest = newest_whole(at.partial)
    if not newest:
        why = "has finished its training" if at.final.exists() else "has no complete checkpoint"
        raise UsageProblem(
            f"`{run}` {why}, so that there is nothing to continue.",
            fix=Option("--continue-from", to="leave out"),
        )
    source = Continued(
        run=_name(run), step=newest, lock_sha256=digest.of_file(run / LOCK)
    )  # fmt: skip
    steps = [*_best(at.partial, newest), newest]
    return Former(run, at.partial, source, tuple(dict.fromkeys(steps)))


def _best(work: Path, newest: int) -> Iterator[int]:
    """Yield the step of the best checkpoint so far, if it is still there."""
    state = files.read_bounded(
        work / f"{CHECKPOINT}{newest}" / _STATE, _MOST_STATE_BYTES, follow=False
    )
    try:
        best = PurePath(json.loads(state).get("best_model_checkpoint") or "").name
    except (ValueError, AttributeError, TypeError, RecursionError):
        return
    number = best.removeprefix(CHECKPOINT)
    if number.isdecimal() and is_whole(work / f"{CHECKPOINT}{number}"):
        yield int(number)


def check_complete(work: Path) -> None:
    """Raise UsageProblem if a training was to continue another run, whose checkpoint is missing."""
    record = record_of(work)
    if record and not record.complete:
        raise UsageProblem(
            f"This run was to continue `{record.source.run}`, whose checkpoint is not copied yet.",
            fix=(Option("--continue-from RUN_FOLDER"), Option("--fresh", to="start over with")),
        )


def take(source: Former, at: StagePlace, progress: Progress, others: Spread | None = None) -> None:
    """Copy the checkpoints of another run to the working folder of a training, unless they are
    there.

    `others` are the other machines, which check the copy. Raises UsageProblem if the training has
    begun otherwise, DigestDiffers if a copy differs, and what `Spread.check_copy` raises.
    """
    record = record_of(at.partial)
    begun = newest_whole(at.partial)
    if record and record.complete and record.source.lock_sha256 == source.source.lock_sha256:
        return
    if begun and (record is None or record.complete):
        raise UsageProblem(
            f"This run has made {begun:,} steps already, and does not continue `{source.run}`.",
            fix=(
                Option("--continue-from", to="leave out"),
                Option("--fresh", to="start over with"),
            ),
        )
    if others:
        others.gather()
    with at.working() as work:
        _write(work, Record(source=source.source, complete=False))
        for name in work.names():
            if name.startswith(CHECKPOINT):
                work.remove(name)
        sha256 = digest.of_value(_copies(source, work, progress))
        if others:
            others.check_copy(source.steps, sha256)
        _write(work, Record(source=replace(source.source, sha256=sha256), complete=True))


def _copies(source: Former, work: OwnFolder, progress: Progress) -> dict[str, dict[str, str]]:
    """Return the digests of the copied files, by checkpoint."""
    marks = {f"{CHECKPOINT}{step}": _mark(source, step) for step in source.steps}
    total = sum(size for mark in marks.values() for size in mark.sizes_bytes.values())
    found: dict[str, dict[str, str]] = {}
    done = 0
    for name, mark in marks.items():
        part = f"{name}{_COPY}"
        own = found[name] = {}
        with (
            work.inside(part, make=True) as folder,
            OwnFolder.open(source.work / name, ours=False, closes=False) as held,
        ):
            for file, size in mark.sizes_bytes.items():
                progress(f"copying `{name}` of `{source.source.run}`", done, total)
                own[file] = _copied(held, folder, file)
                done += size
            # the peak memory of another layout says nothing of this one
            folder.write_whole(WHOLE, mark.model_copy(update={"peak_bytes": 0}).content)
        work.rename(part, name)
    os.fsync(work.descriptor)
    return found


def _mark(source: Former, step: int) -> Mark:
    mark = mark_of(source.work / f"{CHECKPOINT}{step}")
    assert mark is not None, "it was complete"
    return mark


def _copied(held: OwnFolder, folder: OwnFolder, name: str) -> str:
    """Copy a file and return its digest. Raises DigestDiffers if the copy has another one."""
    seen = hashlib.sha256()
    with (
        os.fdopen(files.open_regular(name, folder=held.descriptor, follow=False), "rb") as source,
        os.fdopen(folder.open_file(name, os.O_RDWR | os.O_CREAT), "w+b") as copy,
    ):
        while block := source.read(_BLOCK_BYTES):
            seen.update(block)
            copy.write(block)
        copy.flush()
        os.fsync(copy.fileno())
        if digest.of_descriptor(copy.fileno()) != seen.hexdigest():
            raise DigestDiffers(
                f"The copy of `{held.path / name}` differs from it.",
                fix=Advice("check the disk, then run the same command again"),
            )
    return seen.hexdigest()


def check_copy(work: Path, steps: Sequence[int], sha256: str, ending: Callable[[], bool]) -> None:
    """Read the checkpoints that another machine has copied to the working folder of a training.

    Raises RunFailed if they do not appear here, DigestDiffers if their digest is not `sha256`, and
    Stopped once `ending`, which is called every moment.
    """
    names, until = [f"{CHECKPOINT}{step}" for step in steps], time.monotonic() + _SHOWN_SECONDS
    while not all(is_whole(work / name) for name in names):
        _check_ending(ending)
        if time.monotonic() > until:
            raise RunFailed(f"The copied checkpoint is not to be found in `{work}`.", fix=_SHARED)
        time.sleep(_POLL_SECONDS)
    if digest.of_value({name: _digests(work / name, ending) for name in names}) != sha256:
        raise DigestDiffers(
            f"The copied checkpoint in `{work}` differs from what machine 0 has written.",
            fix=_SHARED,
        )


def _digests(checkpoint: Path, ending: Callable[[], bool]) -> dict[str, str]:
    """Return the digest of each file of a checkpoint."""
    mark, found = mark_of(checkpoint), {}
    with OwnFolder.open(checkpoint, ours=False, closes=False) as held:
        for name in mark.sizes_bytes if mark else ():
            seen = hashlib.sha256()
            file = files.open_regular(name, folder=held.descriptor, follow=False)
            with os.fdopen(file, "rb") as content:
                while block := content.read(_BLOCK_BYTES):
                    _check_ending(ending)
                    seen.update(block)
            found[name] = seen.hexdigest()
    return found


def _check_ending(ending: Callable[[], bool]) -> None:
    if ending():
        raise Stopped("The copied checkpoint was not checked: the run ended before.")


def _write(work: OwnFolder, record: Record) -> None:
    work.write_whole(RECORD, record.model_dump_json().encode())
