"""The pipe from the workers of a stage to their supervisor: events go out, a broken one is noticed.

It is a named pipe in the run folder: an inherited descriptor does not reach a process that another
program starts, as torchrun does. A named socket's path may have 107 bytes only; a pipe's has no
such limit. Where the file system has no named pipes it is in a private temporary folder. Each pipe
has a name of its own, so that a worker of a killed supervisor never finds that of the next one.
"""

import json
import os
import secrets
import shutil
import stat
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.runs import holders
from runner.runs.events import Kind
from runner.runs.safe_folder import OwnFolder

PIPE_VARIABLE = "TUNELOCK_EVENTS"
"""The environment variable that tells a worker the path of the pipe."""
RUN_VARIABLE = "TUNELOCK_RUN"
"""The environment variable that tells a worker its run folder."""
HEARTBEAT = "heartbeat"
"""The kind of a line that only says that the stage process lives; it is no event."""
PREFIX = ".events-"
"""How the names of pipes begin in a run folder."""
_SAFE = os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass
class Inlet:
    """The supervisor's end of a pipe."""

    path: Path
    """What workers open."""
    descriptor: int
    """Read from here; -1 once it is closed."""

    def close(self) -> None:
        """Stop listening: a worker that still sends meets a broken pipe."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


@contextmanager
def listening(run: OwnFolder) -> Iterator[Inlet]:
    """Make a pipe for the workers of a run, and remove it at the end.

    What a killed supervisor left of one is removed first.
    """
    for name in run.names():
        if name.startswith(PREFIX):
            run.remove(name)
    name = PREFIX + secrets.token_hex(8)
    with _folder(run, name) as folder:
        inlet = Inlet(folder.path.absolute() / name, _opened(name, os.O_RDONLY, folder.descriptor))
        try:
            yield inlet
        finally:
            inlet.close()
            folder.remove(name)


@contextmanager
def _folder(run: OwnFolder, name: str) -> Iterator[OwnFolder]:
    """Make a named pipe in the run folder, else in a private folder, and yield where it is."""
    try:
        os.mkfifo(name, 0o600, dir_fd=run.descriptor)
    except OSError:
        private = Path(tempfile.mkdtemp(prefix="tunelock-"))
        try:
            with OwnFolder.open(private) as folder:
                os.mkfifo(name, 0o600, dir_fd=folder.descriptor)
                yield folder
        finally:
            shutil.rmtree(private, ignore_errors=True)
        return
    yield run


def _opened(path: str, flags: int, folder: int | None = None) -> int:
    """Open a named pipe of this user without waiting for its other end.

    Raises BrokenPipeError where it is no such pipe, or nobody listens.
    """
    try:
        descriptor = os.open(path, flags | _SAFE, dir_fd=folder)
    except OSError as problem:
        raise BrokenPipeError(problem.errno, "the supervisor is gone", path) from None
    found = os.fstat(descriptor)
    if not stat.S_ISFIFO(found.st_mode) or found.st_uid != os.geteuid():
        os.close(descriptor)
        raise BrokenPipeError("not a pipe of this user", path)
    return descriptor


class Line:
    """Sends events to the supervisor. After the pipe broke it stays `broken` and sends nothing.

    Of several workers one speaks; the others send what ended them alone.
    """

    def __init__(self, descriptor: int, *, speaks: bool = True) -> None:
        self._descriptor = descriptor
        self._speaks = speaks
        self._sending = threading.Lock()
        self.broken = False
        """True once the supervisor is gone: the stage leaves a checkpoint and exits."""

    @classmethod
    def from_environment(cls, *, speaks: bool = True) -> "Line":
        """Return the line of this worker, which from here on holds the run folder by itself.

        Raises BrokenPipeError where the supervisor is gone already.
        """
        holders.hold(Path(os.environ[RUN_VARIABLE]))
        descriptor = _opened(os.environ[PIPE_VARIABLE], os.O_WRONLY)
        os.set_blocking(descriptor, True)
        return cls(descriptor, speaks=speaks)

    def send(self, kind: Kind, **fields: Any) -> None:
        """Send one event; `fields` must be JSON values with units in their names."""
        if self._speaks or kind == "failed":
            self._send({**fields, "kind": kind})

    def beat(self) -> None:
        """Tell that this process lives."""
        if self._speaks:
            self._send({"kind": HEARTBEAT})

    def _send(self, value: dict[str, Any]) -> None:
        rest = memoryview(json.dumps(value).encode() + b"\n")
        with self._sending:  # a heartbeat never lands inside an event
            try:
                while rest and not self.broken:
                    rest = rest[os.write(self._descriptor, rest) :]
            except BrokenPipeError:
                self.broken = True
