"""The digests of large files that were read on this machine, kept in the user's cache.

A file whose device, inode, size and times are those of a file that was digested before has the same
bytes, since any program that changes a file also changes its `ctime`, which only root can set. That
holds under conditions, and a file that does not meet them is read each time:

- It is on a file system of `_KINDS`. On others a program that has mapped a file can change it
  without new times (measured on tmpfs), or a server decides what the times are.
- What programs with a mapping had changed was flushed first (`fsync`), so that their next change
  gets new times.
- Its times were at least `SETTLED_SECONDS` old, so that a change within a clock's resolution is not
  missed, and still the same after it was read.
- It was read since this machine was started, by this user.
"""

import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from lockfiles import bounded_json, digest, files
from lockfiles.errors import UsageProblem
from lockfiles.fields import Label, Sha256, Table
from planner.hub.cache import cache_folder

FILE = "digests.json"
"""The file in the cache."""
LEAST_BYTES = 8 * files.MIB
"""Smaller files are always read."""
SETTLED_SECONDS = 10.0
MOST_FILES = 2_000
"""The files that are kept, newest first."""
_LIMIT_BYTES = 2 * files.MIB
_KINDS = frozenset(["btrfs", "ext2", "ext3", "ext4", "f2fs", "overlay", "xfs"])
_OTHERS_WRITE = 0o022
_writing = threading.Lock()

Identity = tuple[int, int, int, int, int]
"""Device, inode, size in bytes, `mtime` and `ctime` in nanoseconds."""


class _File(Table):
    """A file that was read."""

    identity: Annotated[list[int], Field(min_length=5, max_length=5)]
    sha256: Sha256


class _Kept(Table):
    """The content of the file in the cache."""

    version: Literal[1] = 1
    boot: Label
    files: Annotated[list[_File], Field(max_length=MOST_FILES)] = Field(default_factory=list)


def identity(descriptor: int) -> Identity:
    """Return the identity of an open file."""
    found = os.fstat(descriptor)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def remembered(descriptor: int) -> str:
    """Return the sha256 of an open file: the kept one, else `computed`."""
    own = identity(descriptor)
    if own[2] >= LEAST_BYTES and _is_traced(descriptor):
        for one in _read().files:
            if tuple(one.identity) == own:
                return one.sha256
    return computed(descriptor)


def remembered_of(path: Path) -> str:
    """Return `remembered` of a regular file; raises as `files.open_regular`."""
    descriptor = files.open_regular(path)
    try:
        return remembered(descriptor)
    finally:
        os.close(descriptor)


def computed(descriptor: int) -> str:
    """Read an open file from its begin and return its sha256, which is kept for `remembered`."""
    settled = os.fstat(descriptor).st_size >= LEAST_BYTES and _settled(descriptor)
    before = identity(descriptor)
    found = digest.of_descriptor(descriptor)
    if settled and identity(descriptor) == before:
        _keep(_File(identity=list(before), sha256=found))
    return found


def _settled(descriptor: int) -> bool:
    """Return whether any later change of a file will show in its times, after flushing it."""
    if not _is_traced(descriptor) or not _is_old(descriptor):
        return False
    try:
        os.fsync(descriptor)
    except OSError:
        return False
    return _is_old(descriptor)


def _is_old(descriptor: int) -> bool:
    return time.time_ns() - max(identity(descriptor)[3:]) >= SETTLED_SECONDS * 1e9


def _is_traced(descriptor: int) -> bool:
    """Return whether the file system of an open file gives each change new times."""
    try:
        info = Path(f"/proc/self/fdinfo/{descriptor}").read_text("utf-8")
        mounts = Path("/proc/self/mountinfo").read_text("utf-8", "replace")
    except OSError:
        return False
    number = next((line.split()[1] for line in info.splitlines() if line.startswith("mnt_id:")), "")
    found = next((line for line in mounts.splitlines() if line.split(" ", 1)[0] == number), "")
    return found.partition(" - ")[2].partition(" ")[0] in _KINDS


def _boot() -> str:
    """Return the number of this machine's start; empty where it has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except (OSError, ValueError):
        return ""


def _read() -> _Kept:
    """Return what is kept; nothing where the file is missing, broken, of another start of the
    machine, or may have been written by another user."""
    boot = _boot()
    with suppress(OSError, RuntimeError, UsageProblem, ValueError):
        with os.fdopen(files.open_regular(cache_folder() / FILE, follow=False), "rb") as file:
            found = os.fstat(file.fileno())
            own = found.st_uid == os.geteuid() and not found.st_mode & _OTHERS_WRITE
            small = found.st_size <= _LIMIT_BYTES
            content = file.read(_LIMIT_BYTES) if own and small and boot else b""
        kept = _Kept.model_validate(bounded_json.parse(content))
        if kept.boot == boot:
            return kept
    return _Kept(boot=boot)


def _keep(new: _File) -> None:
    """Keep a digest; does nothing where the cache cannot be written."""
    with _writing, suppress(OSError, RuntimeError):  # RuntimeError: there is no home
        kept = _read()
        others = [one for one in kept.files if one.identity != new.identity]
        made = kept.model_copy(update={"files": [new, *others][:MOST_FILES]})
        place = cache_folder() / FILE
        place.parent.mkdir(parents=True, exist_ok=True)
        content = (made.model_dump_json() + "\n").encode()
        files.write_together({place: content}, mode=0o600, durable=False, shared=True)
