"""The child process as its parent sees it: started, asked with a deadline, and ended.

What comes back is a stranger's: lengths are checked before bytes are kept, and bytes before they
are values. Whoever raises in the middle of an answer ends the child, and the next call starts
another.
"""

import atexit
import contextlib
import math
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any

from planner.data.apart import frames, limits

_CODE = "import sys; sys.path[:] = sys.argv[1:]; from planner.data.apart.{} import main; main()"
_ENVIRONMENT = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")
"""What Python's own libraries may be found by."""
_THREADS = 8
"""The most threads of a tokenizer."""
_PIPE_BYTES = 2**20
_CHUNK_BYTES = 2**20
_SECOND_LOOK_SECONDS = 0.25
"""How long a call that is late is waited for once more: the machine may have been asleep."""
_END_SECONDS = 5.0
_ENDINGS = {int(signal.SIGABRT): "SIGABRT (out of memory)"}
"""A tokenizer that gets no memory aborts."""
_START_SECONDS = 30.0
"""More for the first call: a busy disk may hold up the start of Python."""


class Ended(Exception):
    """The child process did not answer; it is gone."""

    def __init__(self, place: int, *, late: str = "", how: str = "") -> None:
        super().__init__(place, late, how)
        self.place = place
        """The row that it was at; behind the last one, all of them."""
        self.late = late
        """`late` where the time of a row was up, `slow` where that of all was."""
        self.how = how
        """How it ended by itself, such as `SIGABRT`."""


def started(module: str, given: int) -> subprocess.Popen[bytes]:
    """Start a module of this package with a standard input, and a pipe as its output.

    It finds modules where this process does, but for the folder that a person stands in.
    """
    kept = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    own = {
        "RAYON_NUM_THREADS": str(min(_THREADS, os.cpu_count() or 1)),
        "ARROW_DEFAULT_MEMORY_POOL": "system",
        "LC_CTYPE": "C.UTF-8",
    }
    paths = [path for path in sys.path if os.path.isabs(path)]
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", _CODE.format(module), *paths],
        stdin=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=os.path.abspath(os.sep),
        env=kept | own,
        process_group=0,  # a Ctrl-C is its parent's
    )


def ending(process: subprocess.Popen[bytes]) -> str:
    """Return how a process that closed its pipe ended, such as `SIGABRT`."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        code = process.wait(_END_SECONDS)
        if code < 0:
            with contextlib.suppress(ValueError):
                return _ENDINGS.get(-code) or signal.Signals(-code).name
        return f"exit code {code}"
    return "a closed pipe"


def ended(process: subprocess.Popen[bytes]) -> None:
    """End a process, whatever it does."""
    for pipe in filter(None, (process.stdin, process.stdout)):
        with contextlib.suppress(OSError):
            pipe.close()
    process.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_END_SECONDS)


class Process:
    """One child process."""

    def __init__(self) -> None:
        """Start it, and do not wait until it is ready."""
        self.owner = os.getpid()
        self._first, self._killed = True, False
        self._process = started("child", subprocess.PIPE)
        assert self._process.stdin and self._process.stdout
        self._to, self._from = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._to, False)
        _widen(self._to)

    def call(
        self, head: dict[str, Any], raw: bytes, waits: Sequence[float]
    ) -> tuple[dict[str, Any], memoryview]:
        """Return the answer to one request. Raises Ended.

        `waits` are the seconds for each row, and last for what follows all rows. Rows that are
        asked for together have no more in all than the last of them, and one row's.
        """
        start = _START_SECONDS if self._first else 0.0
        self._first = False
        most = waits[-1] + (limits.RENDER_SECONDS if waits[1:] else 0.0)
        seconds = {"seconds": most + start + limits.GRACE_SECONDS}
        try:
            return self._exchange(frames.packed(head | seconds, raw), waits, most, start)
        except BaseException:
            self.end()
            raise

    def _exchange(
        self, request: bytes, waits: Sequence[float], most: float, start: float
    ) -> tuple[dict[str, Any], memoryview]:
        place, begun = -1, time.monotonic()
        deadline, end, looked = begun + start + waits[0], begun + start + most, 0.0
        rest, heard = memoryview(request), bytearray()
        poll = select.poll()
        poll.register(self._from, select.POLLIN)
        poll.register(self._to, select.POLLOUT)
        while True:
            now, due = time.monotonic(), min(deadline, end)
            if now >= due:
                looked = looked or now + _SECOND_LOOK_SECONDS
                due = looked
            events = dict(poll.poll(max(0.0, due - now) * 1000)) if now < due else {}
            if not events and time.monotonic() >= (looked or math.inf):
                raise Ended(max(place, 0), late="slow" if end < deadline else "late")
            if self._to in events:
                rest = self._send(rest)
                if not rest:
                    poll.unregister(self._to)
            if self._from in events:
                if not (chunk := os.read(self._from, _CHUNK_BYTES)):
                    raise Ended(max(place, 0), how=ending(self._process))
                heard += chunk
                while len(heard) >= frames.START.size:
                    kind, first, second = frames.START.unpack_from(heard)
                    if kind != frames.AT:
                        break
                    if first >= len(waits):
                        raise Ended(max(place, 0), how="an answer out of turn")
                    if first > place:
                        place, looked = first, 0.0
                        deadline = time.monotonic() + waits[first]
                    del heard[: frames.START.size]
                else:
                    continue
                if kind != frames.ANSWER or first + second > limits.ANSWER_BYTES:
                    raise Ended(max(place, 0), how="an answer that is too long")
                if len(heard) >= frames.START.size + first + second:
                    return self._answer(heard, first, second, place)

    def _send(self, rest: memoryview) -> memoryview:
        try:
            return rest[os.write(self._to, rest[:_CHUNK_BYTES]) :]
        except BlockingIOError:
            return rest
        except BrokenPipeError:
            return rest[:0]  # how it ended is seen at the other pipe

    def _answer(
        self, heard: bytearray, first: int, second: int, place: int
    ) -> tuple[dict[str, Any], memoryview]:
        start, whole = frames.START.size, frames.START.size + first + second
        try:
            head = frames.unpacked(bytes(heard[start : start + first]))
        except (ValueError, RecursionError):
            head = None
        if not isinstance(head, dict) or len(heard) != whole:
            raise Ended(max(place, 0), how="an answer that is no answer")
        return head, memoryview(heard)[start + first :]

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return not self._killed and self._process.poll() is None

    def kill(self) -> None:
        """Let whoever waits for it see that it ended."""
        self._killed = True
        self._process.kill()

    def end(self) -> None:
        """End it, whatever it does."""
        ended(self._process)


_LOCK = threading.RLock()
_PROCESS: Process | None = None


def start() -> None:
    """Start the child process of this one, if there is none, and do not wait for it."""
    global _PROCESS
    with _LOCK:
        if _PROCESS and _PROCESS.owner != os.getpid():
            _PROCESS = None  # that of the process that forked this one
        if not _PROCESS or not _PROCESS.alive:
            end()
            _PROCESS = Process()


def call(
    head: dict[str, Any], raw: bytes = b"", waits: Sequence[float] = (limits.RENDER_SECONDS,)
) -> tuple[dict[str, Any], memoryview]:
    """Ask the child process of this one, which is started where there is none; as Process."""
    with _LOCK:
        start()
        assert _PROCESS
        return _PROCESS.call(head, raw, waits)


def interrupt() -> None:
    """End the child process, if there is one, also while another thread waits for its answer."""
    if _PROCESS and _PROCESS.owner == os.getpid():
        _PROCESS.kill()


def end() -> None:
    """End the child process of this one, if there is one."""
    global _PROCESS
    with _LOCK:
        if _PROCESS and _PROCESS.owner == os.getpid():
            _PROCESS.end()
        _PROCESS = None


def _widen(pipe: int) -> None:
    """Make room in a pipe for whole requests, where the system has such a call."""
    with contextlib.suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


atexit.register(end)
