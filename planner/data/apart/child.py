"""The child process: it limits itself, then answers one request after the other.

Started by `process`, with its two pipes and nothing else. It ends with its parent: at the end of
its input, and by a timer inside a call.
"""

import contextlib
import os
import signal
from pathlib import Path
from typing import Any, BinaryIO

try:
    import resource
except ImportError:  # Windows has no such limits
    resource = None  # type: ignore[assignment]

from planner.data.apart import frames, limits
from planner.data.apart.work import Refused, Work

_STATM = Path("/proc/self/statm")
_DATA_PAGES = 5
"""The place of `data` in `/proc/self/statm`: pages of data and stack (proc_pid_statm(5))."""
_OPEN_FILES = 32


def main() -> None:
    """Answer until the parent closes the pipe."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.close(nothing)
    _limit()
    work = Work(lambda place: _send(answers, frames.at(place)))
    while start := requests.read(frames.START.size):
        _, head, raw = frames.START.unpack(start)
        asked = frames.unpacked(requests.read(head))
        _send(answers, _answer(work, asked, _raw(requests, raw)))


def _raw(requests: BinaryIO, size: int) -> bytes:
    return requests.read(size) if size else b""


def _answer(work: Work, asked: dict[str, Any], raw: bytes) -> bytes:
    """Do one request under its limits; whatever it raises is an answer too."""
    signal.setitimer(signal.ITIMER_REAL, asked["seconds"])
    try:
        with _bounded(asked["bytes"]):
            return frames.packed(*work.do(asked, raw))
    except MemoryError:
        fault = {"fault": "memory", "said": ""}
    except Refused as refused:
        fault = {"fault": refused.kind, "said": refused.said}
    except BaseException as problem:  # a panic of the tokenizer is no Exception
        fault = {"fault": "broken", "said": f"{problem}"[: limits.SAID_CHARS]}
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return frames.packed(fault | {"place": work.place})


def _send(answers: int, frame: bytes) -> None:
    rest = memoryview(frame)
    try:
        while rest:
            rest = rest[os.write(answers, rest) :]
    except BrokenPipeError:
        os._exit(1)


def _limit() -> None:
    """Take away what no template needs: writing files, dumping core, opening many files."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    if resource is None:
        return
    for kind, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
    ):
        resource.setrlimit(kind, (most, most))


class _bounded(contextlib.AbstractContextManager[None]):
    """A bound on the memory that a call may take besides what there is."""

    def __init__(self, more: int) -> None:
        self._more = more

    def __enter__(self) -> None:
        if resource is None or not _STATM.exists():
            return
        pages = int(_STATM.read_bytes().split()[_DATA_PAGES])
        self._set(pages * resource.getpagesize() + self._more)

    def __exit__(self, *_: object) -> None:
        if resource is not None and _STATM.exists():
            self._set(limits.HARD_BYTES)

    def _set(self, soft: int) -> None:
        """Set the soft limit; the hard one that the parent lives under stays."""
        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        most = limits.HARD_BYTES if hard == resource.RLIM_INFINITY else hard
        resource.setrlimit(resource.RLIMIT_DATA, (min(soft, most), most))
