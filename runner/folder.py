"""The run folder: held by one supervisor, and stages that come into place whole or not at all."""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockfiles.errors import UsageProblem
from lockfiles.files import sync, write_whole

INUSE = ".inuse"
"""The file of a run folder that its supervisor holds."""


@dataclass(frozen=True)
class StagePlace:
    """Where one stage works and where its result stands."""

    number: int
    """From 1, in the lock's order."""
    name: str
    root: Path
    """The folder `stages/` of the run."""

    @property
    def final(self) -> Path:
        """Where the finished stage stands."""
        return self.root / f"{self.number:02d}-{self.name}"

    @property
    def partial(self) -> Path:
        """Where the stage works; kept over a kill, so that training goes on from it."""
        return self.root / f"{self.number:02d}-{self.name}.partial"

    def done(self, digest: str) -> dict[str, Any] | None:
        """Return what a finished stage reported, or None where it is not done for `digest`."""
        try:
            report = json.loads((self.final / "done.json").read_bytes())
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return None
        matches = isinstance(report, dict) and report.get("digest") == digest
        return report if matches else None

    def begin(self, digest: str) -> Path:
        """Return the working folder, emptied where it was begun for another digest."""
        mark = self.partial / "begun.json"
        try:
            same = json.loads(mark.read_bytes())["digest"] == digest
        except (FileNotFoundError, NotADirectoryError, ValueError, KeyError, TypeError):
            same = False
        if not same:
            shutil.rmtree(self.partial, ignore_errors=True)
            self.partial.mkdir(parents=True)
            write_whole(mark, json.dumps({"digest": digest}).encode())
        return self.partial

    def finish(self, digest: str, report: Mapping[str, Any]) -> None:
        """Flush the results to disk, write `done.json` and rename the folder into place."""
        for path in self.partial.rglob("*"):
            if path.is_file() or path.is_dir():
                sync(path)
        content = json.dumps({"digest": digest, **report}, indent=2) + "\n"
        write_whole(self.partial / "done.json", content.encode())
        if self.final.exists():
            shutil.rmtree(self.final)
        self.partial.rename(self.final)
        sync(self.root)


class Held:
    """A run folder held by this process, and by every child that inherits the descriptor.

    The lock is `flock`'s on `.inuse`, which holds the supervisor's process id: a stage process
    that outlives a killed supervisor still holds the folder, so that no second run writes
    beside it. Such an orphan leaves a checkpoint and ends, and is waited for.
    """

    def __init__(self, path: Path, *, orphan_seconds: float = 60.0) -> None:
        try:
            path.mkdir(parents=True, exist_ok=True)
            self.descriptor = os.open(path / INUSE, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as problem:
            raise UsageProblem(
                f"`{path}` cannot be written: {problem.strerror}.",
                hint="tunelock run run.lock --runs DIR, with a folder of your own",
            ) from None
        until = time.monotonic() + orphan_seconds
        while not self._try():
            if holder_alive(path) or time.monotonic() > until:
                os.close(self.descriptor)
                raise UsageProblem(
                    f"`{path}` is in use by another run of this lock.",
                    hint=f"tunelock watch {path}",
                )
            time.sleep(0.2)
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, str(os.getpid()).encode(), 0)
        os.set_inheritable(self.descriptor, True)

    def _try(self) -> bool:
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        """Let go; children that still live go on holding it."""
        os.close(self.descriptor)


def holder(path: Path) -> int | None:
    """Return the process id of the supervisor that last held a run folder, if it says one."""
    try:
        return int((path / INUSE).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None


def holder_alive(path: Path) -> bool:
    """Return whether the supervisor that last held a run folder still lives, and holds it."""
    number = holder(path)
    if number is None or not is_held(path):
        return False
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def is_held(path: Path) -> bool:
    """Return whether a supervisor or a stage of it holds a run folder; nothing is created."""
    try:
        descriptor = os.open(path / INUSE, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
