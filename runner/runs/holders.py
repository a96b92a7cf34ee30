"""The processes that work on a run folder: those that hold a lock on its `.inuse`.

The lock is a shared `flock`: the supervisor and each worker have one of their own. Whoever takes
or inspects a run folder briefly tries for an exclusive lock.

The file names a process, but anyone could have written that name. A process counts as a holder
only if the kernel says so: one of its open files is this `.inuse`, with the lock on it
(`/proc/PID/fdinfo`). No other process is ever signaled.
"""

import errno
import fcntl
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lockfiles.errors import UsageProblem
from lockfiles.files import open_regular
from runner.runs.safe_folder import OwnFolder

INUSE = ".inuse"
"""The file in a run folder that its supervisor locks, and touches as its heartbeat."""
SILENT_SECONDS = 60.0
"""A supervisor that has not touched `.inuse` for this long is stalled."""
_PROC = Path("/proc")
_TEXT_BYTES = 512
_STOPPED = ("T", "t")
_LOOKS, _LOOK_SECONDS = 3, 0.002
"""How often and how far apart a lock is tried: a process that inspects the folder holds it
briefly."""

Supervision = Literal["heard", "silent", "gone"]
"""`silent`: suspended or hung; `gone`: killed, while a stage process is still ending."""


@dataclass(frozen=True)
class Process:
    """A process that holds a run folder."""

    number: int
    state: str
    """The kernel's letter: `T` is suspended, `D` waits for a device."""
    group: int

    @property
    def stopped(self) -> bool:
        """Whether it is suspended by SIGSTOP or a debugger."""
        return self.state in _STOPPED


@dataclass(frozen=True)
class Holding:
    """Which processes work on a run folder at one moment."""

    held: bool
    """Whether any process, here or on another machine, holds the folder."""
    named: int = 0
    """The process that `.inuse` names; 0 if it names none."""
    host: str = ""
    """The machine that `.inuse` names; empty for this one."""
    supervisor: Process | None = None
    """The named process, if it is this user's and verified to hold the folder."""
    silent_seconds: float = 0.0
    """Seconds since the supervisor's last heartbeat."""

    @property
    def supervision(self) -> Supervision:
        """The state of the supervisor of a held folder."""
        if self.supervisor is None and not self.host and not _alive(self.named):
            return "gone"
        stopped = self.supervisor is not None and self.supervisor.stopped
        return "silent" if stopped or self.silent_seconds > SILENT_SECONDS else "heard"


def identity() -> str:
    """Return the text of `.inuse` for this process: its number, and the machine of that number."""
    return f"{os.getpid()} {_machine()}"


def hold(run: Path) -> int:
    """Lock a run folder for this process until it ends, and return the descriptor.

    Raises UsageProblem if `.inuse` is not a regular file, and OSError.
    """
    with OwnFolder.open(run) as folder:
        descriptor = folder.open_file(INUSE, os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


def look(run: Path) -> Holding:
    """Return which processes work on a run folder; creates and changes nothing."""
    try:
        descriptor = open_regular(run / INUSE, follow=False)
    except (OSError, UsageProblem):
        return Holding(held=False)
    try:
        if not _locked(descriptor):
            return Holding(held=False)
        found = os.fstat(descriptor)
        named, host = _parsed(os.pread(descriptor, _TEXT_BYTES, 0))
    finally:
        os.close(descriptor)
    supervisor = None if host or not named else _holding(named, found)
    silent = max(0.0, time.time() - found.st_mtime)
    return Holding(True, named, host, supervisor, silent)


def workers(run: Path) -> list[Process]:
    """Return this user's processes that hold a run folder: its supervisor and stage processes."""
    try:
        found = os.stat(run / INUSE, follow_symlinks=False)
    except OSError:
        return []
    numbers = (int(place.name) for place in _PROC.glob("[0-9]*"))
    return [one for number in numbers if (one := _holding(number, found)) is not None]


def send(run: Path, process: Process, number: int, *, group: bool = False) -> bool:
    """Send a signal to a process that still holds a run folder; return whether it was sent.

    With `group` it goes to the process group that the process leads.
    """
    try:
        found = os.stat(run / INUSE, follow_symlinks=False)
        handle = os.pidfd_open(process.number) if hasattr(os, "pidfd_open") else None
    except OSError:
        return False
    try:
        if _holding(process.number, found) is None:
            return False
        if group and process.group == process.number:
            os.killpg(process.group, number)
        elif handle is not None:
            signal.pidfd_send_signal(handle, number)
        else:
            os.kill(process.number, number)
    except OSError:
        return False
    finally:
        if handle is not None:
            os.close(handle)
    return True


def holder(run: Path) -> int | None:
    """Return the process id of the supervisor that holds a run folder, if any."""
    supervisor = look(run).supervisor
    return supervisor.number if supervisor else None


def holder_alive(run: Path) -> bool:
    """Return whether a supervisor holds a run folder, here or on another machine."""
    found = look(run)
    return found.held and (found.supervisor is not None or _beats_elsewhere(found))


def is_held(run: Path) -> bool:
    """Return whether a supervisor or one of its stages holds a run folder; creates nothing."""
    return look(run).held


def _beats_elsewhere(found: Holding) -> bool:
    return bool(found.host) and found.silent_seconds <= SILENT_SECONDS


def _locked(descriptor: int) -> bool:
    """Return whether a process holds a lock on an open file, and does not just inspect it."""
    for _ in range(_LOOKS):
        if _free(descriptor):
            return False
        time.sleep(_LOOK_SECONDS)
    return True


def _free(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as problem:
        return problem.errno == errno.EBADF and _free_to_write(descriptor)
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return True


def _free_to_write(descriptor: int) -> bool:
    """Return the same on file systems that lock only files open for writing, such as NFS."""
    try:
        writable = os.open(f"/proc/self/fd/{descriptor}", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(writable, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(writable)
    return True


def _parsed(content: bytes) -> tuple[int, str]:
    """Return the process that `.inuse` names (0: none), and its machine if it is another one."""
    words = content.decode("ascii", "replace").split(" ", 1)
    plain = words[0].isascii() and words[0].isdigit() and len(words[0]) < 10
    number = int(words[0]) if plain else 0
    machine = words[1].strip() if len(words) > 1 else _machine()
    return number, ("" if machine == _machine() else machine)


def _machine() -> str:
    """Return the scope of process numbers: this machine, and this container on it."""
    try:
        space = os.readlink(_PROC / "self" / "ns" / "pid")
    except OSError:
        space = sys.platform
    return f"{socket.gethostname()} {space}"


def _alive(number: int) -> bool:
    """Return whether such a process exists, of any user."""
    if number < 1:
        return False
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return not _PROC.is_dir()  # with /proc, a holder of this user would have been found


def _holding(number: int, inuse: os.stat_result) -> Process | None:
    """Return a process if it is this user's and holds `.inuse`; None otherwise."""
    if number < 1:
        return None
    if not _PROC.is_dir():  # the kernel does not list lock holders: trust the name
        return Process(number, "", 0) if number > 1 and _own(number) else None
    place = _PROC / str(number)
    with suppress(OSError, ValueError, IndexError):
        if place.stat().st_uid != os.geteuid() or not any(_locks(place, inuse)):
            return None
        words = (place / "stat").read_text("ascii", "replace").rpartition(")")[2].split()
        return Process(number, words[0], int(words[2]))
    return None


def _own(number: int) -> bool:
    try:
        os.kill(number, 0)
    except OSError:
        return False
    return True


def _locks(place: Path, inuse: os.stat_result) -> Iterator[bool]:
    for link in (place / "fd").iterdir():
        with suppress(OSError):
            found = link.stat()
            if (found.st_dev, found.st_ino) == (inuse.st_dev, inuse.st_ino):
                info = (place / "fdinfo" / link.name).read_text("ascii", "replace")
                yield "FLOCK" in info and "READ" in info
