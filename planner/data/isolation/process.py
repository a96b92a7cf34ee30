"""The child process for templates and tokenizers; one, shared by all threads.

An exception during a call kills the child, and the next call starts another.
"""

import atexit
import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from typing import Any

from planner.data.isolation import frames, limits, starting
from planner.data.isolation.exchange import Answer, Ended, Exchange

__all__ = ["Ended", "Process", "call", "end", "interrupt", "start"]

_PIPE_BYTES = 2**20
_START_SECONDS = 30.0
"""Extra time for the first call: starting Python can be slow on a busy disk."""


class Process:
    """One child process."""

    def __init__(self) -> None:
        """Start it without waiting until it is ready."""
        self._first, self._killed = True, False
        self._process = starting.started("child", subprocess.PIPE)
        assert self._process.stdin and self._process.stdout
        self._pipes = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._pipes[0], False)
        _widen(self._pipes[0])

    def call(self, head: dict[str, Any], raw: bytes, waits: Sequence[float]) -> Answer:
        """Return the answer to one request. Raises Ended.

        `waits` are the seconds for each row, and last for the work after all rows. In total, a call
        may take the last of them plus the limit of one rendering.
        """
        start = _START_SECONDS if self._first else 0.0
        self._first = False
        most = waits[-1] + limits.RENDER_SECONDS
        seconds = {
            "seconds": most + start + limits.GRACE_SECONDS,
            "cpu_seconds": limits.cpu_seconds(waits),
        }
        try:
            request = frames.encode(head | seconds, raw)
            return Exchange(self._pipes, request, waits, most).answer(start)
        except Ended as ended:
            if not ended.late and not ended.how:
                ended.how = starting.ending(self._process)
                ended.late = "late" if ended.how == signal.SIGPROF.name else ""
            self.end()
            raise
        except BaseException:
            self.end()
            raise

    @property
    def alive(self) -> bool:
        """Whether it can answer."""
        return not self._killed and self._process.poll() is None

    def kill(self) -> None:
        """Kill it; a thread that waits for it notices."""
        self._killed = True
        self._process.kill()

    def end(self) -> None:
        """Kill it and wait for its end."""
        starting.ended(self._process)


_LOCK = threading.RLock()
_PROCESS: Process | None = None
_OTHERS: list[Process | None] = []
"""Child processes of the parent that forked this process, which must not be waited for here."""


def start() -> None:
    """Start the child process if there is none, without waiting for it."""
    global _PROCESS
    with _LOCK:
        if not _PROCESS or not _PROCESS.alive:
            end()
            _PROCESS = Process()


def call(head: dict[str, Any], raw: bytes, waits: Sequence[float]) -> Answer:
    """Call the child process, which is started if necessary; as `Process.call`."""
    with _LOCK:
        start()
        assert _PROCESS
        return _PROCESS.call(head, raw, waits)


def interrupt() -> None:
    """Kill the child process, if there is one, even while another thread waits for it."""
    if running := _PROCESS:
        running.kill()


def end() -> None:
    """End the child process, if there is one."""
    global _PROCESS
    with _LOCK:
        if _PROCESS:
            _PROCESS.end()
        _PROCESS = None


def _forked() -> None:
    """Forget the child process in a forked process."""
    global _LOCK, _PROCESS
    _OTHERS.append(_PROCESS)
    _LOCK, _PROCESS = threading.RLock(), None


def _widen(pipe: int) -> None:
    """Enlarge a pipe for typical requests, if the system supports it."""
    with contextlib.suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


atexit.register(end)
os.register_at_fork(after_in_child=_forked)
