"""The pipe from the workers of a stage to their supervisor, which carries their events.

It is a named pipe in the run folder, since an inherited descriptor does not reach processes that
another program starts, such as torchrun. The path of a named socket is limited to 107 bytes; that
of a pipe is not. On a file system without named pipes it is in a private temporary folder. Each
pipe has a unique name, so that a worker of a killed supervisor never finds that of the next one.
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
"""The environment variable with the path of the pipe, for workers."""
RUN_VARIABLE = "TUNELOCK_RUN"
"""The environment variable with the path of the run folder, for workers."""
HEARTBEAT = "heartbeat"
"""The kind of a line that is only a heartbeat of the stage process, not an event."""
PREFIX = ".events-"
"""The prefix of pipe names in a run folder."""
_SAFE = os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass
class Inlet:
    """The supervisor's end of a pipe."""

    path: Path
    """The path that workers open."""
    descriptor: int
    """The descriptor to read from; -1 once it is closed."""

    def close(self) -> None:
        """Stop listening: a worker that still sends gets a broken pipe."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


@contextmanager
def listening(run: OwnFolder) -> Iterator[Inlet]:
    """Create a pipe for the workers of a run, and remove it at the end.

    Pipes left by a killed supervisor are removed first.
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
    """Create a named pipe in the run folder, else in a private folder; yield that folder."""
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

    Raises BrokenPipeError if it is not such a pipe, or nobody listens.
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
    """Sends events to the supervisor. Once the pipe breaks it stays `broken` and sends nothing.

    Of several workers only rank 0 sends all events; the others send only `failed`.
    """

    def __init__(self, descriptor: int, *, rank: int = 0) -> None:
        self._descriptor = descriptor
        self._rank, self._last = rank, False
        self._sending = threading.Lock()
        self.broken = False
        """True once the supervisor is gone: the stage saves a checkpoint and exits."""

    @classmethod
    def from_environment(cls, *, rank: int = 0) -> "Line":
        """Return the line of this worker, after locking the run folder for this process.

        Raises BrokenPipeError if the supervisor is already gone.
        """
        holders.hold(Path(os.environ[RUN_VARIABLE]))
        descriptor = _opened(os.environ[PIPE_VARIABLE], os.O_WRONLY)
        os.set_blocking(descriptor, True)
        return cls(descriptor, rank=rank)

    def send(self, kind: Kind, **fields: Any) -> None:
        """Send one event; `fields` must be JSON values with units in their names."""
        if self._rank == 0 or kind == "failed":
            self._send({**fields, "kind": kind})

    def beat(self, *, last: bool = False) -> None:
        """Send a heartbeat; after the `last` one of a worker its silence means nothing."""
        if not self._last:
            self._last = last
            own = {"rank": self._rank} if self._rank else {}
            self._send({"kind": HEARTBEAT, **own, **({"last": True} if last else {})})

    def _send(self, value: dict[str, Any]) -> None:
        rest = memoryview(json.dumps(value).encode() + b"\n")
        with self._sending:  # keeps a heartbeat from being written inside an event
            try:
                while rest and not self.broken:
                    rest = rest[os.write(self._descriptor, rest) :]
            except BrokenPipeError:
                self.broken = True
