"""The run folder: locked by one supervisor, with stages that appear complete or not at all.

Its contents may come from a stranger. Every name is accessed through `safe_folder`, so that no
link is followed; reports are checked by `reports`.
"""

import errno
import fcntl
import functools
import json
import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from lockfiles.errors import RunFailed, UsageProblem
from lockfiles.files import unwritable
from lockfiles.fixes import Advice, Command
from lockfiles.lock import Lock
from runner.runs import reports
from runner.runs.holders import INUSE, holder_alive, identity
from runner.runs.kind import Begun, of_kind
from runner.runs.safe_folder import OwnFolder, not_ours
from runner.runs.whole import CHECKPOINT

STAGES = "stages"
"""The folder of a run that holds a folder for each stage."""
EVENTS, LOG, LOCK = "events.jsonl", "log.txt", "run.lock"
PUBLISHED = ("receipt.json", "report.html")
"""Results of the last stage, copied to the run folder."""
_FILES = (INUSE, EVENTS, LOG, LOCK, *PUBLISHED)
_BEGUN, _DONE = "begun.json", "done.json"
_MARK_BYTES = 1 << 16


@dataclass(frozen=True)
class StagePlace:
    """The working folder and the result folder of one stage."""

    number: int
    """From 1, in the lock's order."""
    name: str
    """The stage's id in the lock."""
    kind: str
    root: Path
    """The folder `stages/` of the run."""
    run: OwnFolder | None = field(default=None, compare=False, repr=False)
    """The open run folder if it is locked; otherwise it is opened by its path each time."""
    serves: Callable[[Mapping[str, Any]], bool] = field(default=lambda _: True, compare=False)
    """Whether a finished stage with this report can be kept, if its digest matches."""

    @property
    def final(self) -> Path:
        """The folder of the finished stage."""
        return self.root / f"{self.number:02d}-{self.name}"

    @property
    def partial(self) -> Path:
        """The working folder; it survives a kill, so that training can resume from it."""
        return self.root / f"{self.number:02d}-{self.name}.partial"

    def done(self, digest: str) -> dict[str, Any] | None:
        """Return the report of a finished stage, or None if it is not done for `digest`.

        Raises UsageProblem if something is there that no run of this user created.
        """
        try:
            content = self.read(_DONE, reports.LIMIT_BYTES)
        except (FileNotFoundError, NotADirectoryError):
            return None
        report = reports.parse(self.kind, content)
        if report is None or report.get("digest") != digest:
            return None
        kept = reports.files_in(self.kind, report, self.final.name) and self.serves(report)
        return report if kept else None

    def read(self, name: str, limit_bytes: int) -> bytes:
        """Return a file of the finished stage. Raises UsageProblem as `done`, and OSError."""
        with self._stages() as stages, stages.inside(self.final.name) as folder:
            return folder.read(name, limit_bytes)

    def damage(self, report: Mapping[str, Any]) -> str:
        """Return which artifact of the finished stage's report is not there as it was left, as a
        sentence without its full stop; empty if all are.

        A folder may have become larger: people add notes. Raises UsageProblem as `done`.
        """
        listed = report.get("artifacts") or of_kind(self.kind).unlisted(report)
        with self._stages() as stages, stages.inside(self.final.name) as folder:
            for one in listed:
                name, size = PurePosixPath(one["path"]).name, int(one["size"])
                found = folder.size(name)
                if found is None:
                    return f"`{one['path']}` is missing"
                if found < size or (found > size and (self.final / name).is_file()):
                    return f"`{one['path']}` has {found:,} bytes instead of {size:,}"
        return ""

    def check(self) -> None:
        """Raise UsageProblem if a finished stage holds anything but folders and regular files."""
        with self._stages() as stages, stages.inside(self.final.name) as folder:
            folder.check_tree()

    def begin(self, digest: str) -> Path:
        """Return the working folder, emptied if it was started for another digest.

        Links that the stage left there are removed. Raises UsageProblem as `done`.
        """
        with self._stages(make=True) as stages:
            if not self._begun(stages, digest):
                stages.remove(self.partial.name)
            with stages.inside(self.partial.name, make=True) as work:
                work.drop_links()
                work.check_tree()
                if work.found(_BEGUN) is None:
                    work.write_whole(_BEGUN, json.dumps({"digest": digest}).encode())
                _drop_torn(work)
        return self.partial

    @contextmanager
    def working(self) -> Iterator[OwnFolder]:
        """Open the working folder. Raises UsageProblem as `done`, and OSError if it is missing."""
        with self._stages() as stages, stages.inside(self.partial.name) as work:
            yield work

    def begun(self, digest: str) -> bool:
        """Return whether the working folder is of a stage with this digest; raises as `done`."""
        try:
            with self._stages() as stages:
                return self._begun(stages, digest)
        except FileNotFoundError:
            return False

    def write(self, name: str, content: bytes) -> Path:
        """Write a file atomically to the working folder and return its path."""
        with self.working() as work:
            work.write_whole(name, content)
        return self.partial / name

    def reported(self, name: str) -> dict[str, Any]:
        """Return the report in the working folder. Raises RunFailed if there is none."""
        with self.working() as work:
            report = reports.parse(self.kind, work.read(name, reports.LIMIT_BYTES))
        if report is None:
            raise RunFailed(
                f"The stage `{self.name}` did not write a valid report.",
                fix=Advice(f"see {self.partial / name}"),
            )
        return report

    def finish(self, digest: str, report: Mapping[str, Any]) -> None:
        """Flush the results to disk, write `done.json` and rename the folder into place."""
        content = json.dumps({"digest": digest, **report}, indent=2) + "\n"
        with self._stages() as stages:
            with stages.inside(self.partial.name) as work:
                work.drop_links()
                work.sync_tree()
                work.write_whole(_DONE, content.encode())
            stages.remove(self.final.name)
            stages.rename(self.partial.name, self.final.name)
            os.fsync(stages.descriptor)

    def drop_checkpoints(self) -> None:
        """Remove the checkpoints of the finished stage."""
        with self._stages() as stages, stages.inside(self.final.name) as folder:
            for name in folder.names():
                if name.startswith(CHECKPOINT):
                    folder.remove(name)

    def _stages(self, *, make: bool = False) -> OwnFolder:
        if self.run is not None:
            return self.run.inside(self.root.name, make=make)
        with OwnFolder.open(self.root.parent, make=make) as run:
            return run.inside(self.root.name, make=make)

    def _begun(self, stages: OwnFolder, digest: str) -> bool:
        """Return whether the stage was started for a digest. Raises UsageProblem as `done`."""
        try:
            with stages.inside(self.partial.name) as work:
                mark = Begun.model_validate_json(work.read(_BEGUN, _MARK_BYTES))
        except (FileNotFoundError, ValueError):
            return False
        return mark.digest == digest


def _drop_torn(work: OwnFolder) -> None:
    """Remove entries that are named like a checkpoint but cannot be one."""
    for name in work.names():
        number = name.removeprefix(CHECKPOINT)
        plain = number.isascii() and number.isdigit() and len(number) < 12
        found = work.found(name)
        if name != number and found and not (plain and stat.S_ISDIR(found.st_mode)):
            work.remove(name)


class Held:
    """A run folder locked by this process.

    The lock is `flock`'s on `.inuse`, which names the supervisor's process. Each worker takes a
    lock of its own (`holders.hold`): a worker that outlives a killed supervisor still holds the
    folder, so that no second run writes to it at the same time. Such an orphan saves a checkpoint
    and exits, and `Held` waits for it.
    """

    def __init__(self, path: Path, *, orphan_seconds: float = 60.0) -> None:
        self._discards = False
        self._made = [one for one in (path, *path.parents) if not os.path.lexists(one)]
        try:
            self.folder = _opened(path)
            self.descriptor = self.folder.open_file(INUSE, os.O_RDWR | os.O_CREAT)
        except OSError as problem:
            raise _unusable(path, problem) from None
        until = time.monotonic() + orphan_seconds
        while not self._try():
            if holder_alive(path) or time.monotonic() > until:
                self.release()
                raise UsageProblem(
                    f"`{path}` is in use by another run of this lock.",
                    fix=(
                        Command("tunelock watch {}", path),
                        Command("tunelock stop {}", path, to="to end it"),
                    ),
                )
            time.sleep(0.2)
        try:
            os.ftruncate(self.descriptor, 0)
            os.pwrite(self.descriptor, identity().encode(), 0)
        except OSError as problem:
            self.release()
            raise RunFailed(
                f"`{path / INUSE}` cannot be written: {problem.strerror}.",
                fix=Advice("free disk space, then run the same command again"),
            ) from None

    def beat(self) -> None:
        """Update the heartbeat: the modification time of `.inuse`."""
        os.utime(self.descriptor)

    def _try(self) -> bool:
        """Take the exclusive lock, then share it with workers from then on.

        Another supervisor may take it between the two calls: then the second call fails.
        """
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.flock(self.descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def discard(self) -> None:
        """Let `release` remove the run folder if it was made when it was locked, and empty folders
        above that were made with it."""
        self._discards = bool(self._made)

    def release(self) -> None:
        """Release the lock; workers that still run keep theirs."""
        if self._discards:
            with suppress(OSError):
                for name in self.folder.names():
                    self.folder.remove(name)
        os.close(self.descriptor)
        self.folder.close()
        if self._discards:
            with suppress(OSError):  # another run may have begun there
                for folder in self._made:
                    folder.rmdir()


@contextmanager
def looked_at(path: Path) -> Iterator[OwnFolder | None]:
    """Yield an existing run folder, or None if it does not exist yet; changes nothing.

    Raises UsageProblem as `Held`.
    """
    folder = None
    try:
        if os.path.lexists(path):
            folder = OwnFolder.open(path, closes=False)
        else:
            _check_makeable(path)
    except OSError as problem:
        raise _unusable(path, problem) from None
    try:
        yield folder
    finally:
        if folder is not None:
            folder.close()


def _check_makeable(path: Path) -> None:
    above = next(one for one in path.parents if os.path.lexists(one))
    if not above.is_dir():
        code = errno.EEXIST if above == path.parent else errno.ENOTDIR
        raise OSError(code, os.strerror(code))
    if code := unwritable(above):
        raise OSError(code, os.strerror(code))


def _unusable(path: Path, problem: OSError) -> UsageProblem:
    return UsageProblem(
        f"`{path}` cannot be written: {problem.strerror}.",
        fix=Command("tunelock run run.lock --runs DIR", note="with a folder of your own"),
    )


def _opened(path: Path) -> OwnFolder:
    """Open a run folder, after checking that what a run writes there is missing or this user's."""
    folder = OwnFolder.open(path, make=True)
    try:
        check_names(folder)
    except BaseException:
        folder.close()
        raise
    return folder


def check_names(folder: OwnFolder) -> None:
    """Raise UsageProblem if a run folder has something else under a name that a run writes."""
    for name in _FILES:
        folder.check(name)
    found = folder.found(STAGES)
    if found is not None and not stat.S_ISDIR(found.st_mode):
        raise not_ours(folder.path / STAGES, "is not a folder")


def place(lock: Lock, run: Path, stage: str, held: OwnFolder | None = None) -> StagePlace:
    """Return the folders of a run's stage; `held` is the open run folder."""
    ids = [one.id for one in lock.stage]
    number = ids.index(stage)
    kind = lock.stage[number].kind
    serves = functools.partial(of_kind(kind).serves, lock)
    return StagePlace(number + 1, stage, kind, run / STAGES, held, serves)
