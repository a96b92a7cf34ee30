"""Each case in a process of its own: its seconds, its peak memory, and how it ended.

A warm parent forks, so a case costs milliseconds; what one case spoils no other sees. A case that
does not end is killed with all that it started.
"""

import gc
import json
import os
import re
import resource
import select
import signal
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

LIMIT_SECONDS = 20.0
"""A case that takes longer is killed, and counted as one without an end."""
LIMIT_BYTES = 4 << 30
_MIB = 1 << 20


@dataclass(frozen=True)
class Verdict:
    """What one case did."""

    code: int
    """Of the command that reads the spoiled file."""
    traceback: str = ""
    unsaid: str = ""
    """What is missing of the sentence, the hint or the exit code."""
    steering: str = ""
    hidden: str = ""
    """An accepted change that neither `check` nor `diff` shows."""
    what: str = ""
    """The change, in words."""
    file: str = ""
    """The text of the spoiled file."""
    seconds: float = 0.0
    """Of the processor, for that command, without the interpreter's start."""
    waited_seconds: float = 0.0
    """By the clock; on a busy machine much more."""
    peak_bytes: int = 0
    """Most resident bytes of the process, or of one that it started."""
    number: int = -1


_NONE = Verdict(-1)


def run(
    case: Callable[[int, int], Verdict],
    numbers: Iterable[int],
    at_once: int,
    limit_bytes: int = LIMIT_BYTES,
) -> Iterator[Verdict]:
    """Yield the verdict of each number, in the order in which they end.

    `case` gets the number and its place, below `at_once`, for files that no other case uses.
    """
    gc.collect()
    gc.freeze()  # so that a child's collector does not copy the parent's pages
    waiting, running = iter(numbers), dict[int, _Child]()
    free = list(range(at_once))
    exhausted = False
    while running or not exhausted:
        while free and not exhausted:
            number = next(waiting, None)
            if number is None:
                exhausted = True
                break
            child = _Child(case, number, free.pop(), limit_bytes)
            running[child.reader] = child
        for reader in select.select([*running], [], [], 0.5)[0]:
            child = running[reader]
            if child.read():
                yield child.verdict()
                free.append(running.pop(reader).place)
        for child in running.values():
            child.end_if_late()


class _Child:
    """One case that runs."""

    def __init__(
        self, case: Callable[[int, int], Verdict], number: int, place: int, limit_bytes: int
    ) -> None:
        self.number, self.place, self._told = number, place, b""
        self._late = False
        self.reader, sender = os.pipe()
        self._begun = time.monotonic()
        self._pid = os.fork()
        if self._pid == 0:
            os.close(self.reader)
            resource.setrlimit(resource.RLIMIT_AS, (limit_bytes, limit_bytes))
            _carry_out(case, number, place, sender)
        os.close(sender)

    def read(self) -> bool:
        """Return whether it has ended."""
        block = os.read(self.reader, 1 << 20)
        self._told += block
        return not block

    def end_if_late(self) -> None:
        if time.monotonic() - self._begun > LIMIT_SECONDS:
            self._late = True
            _end_group(self._pid)

    def verdict(self) -> Verdict:
        seconds = time.monotonic() - self._begun
        os.close(self.reader)
        _, status = os.waitpid(self._pid, 0)
        _end_group(self._pid)
        code = os.waitstatus_to_exitcode(status)
        lines = self._told.splitlines()
        found = replace(Verdict(**json.loads(lines[-1])) if lines else _NONE, number=self.number)
        if self._late:
            return replace(found, unsaid="no end", waited_seconds=seconds)
        if code != 0:
            name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
            return replace(found, code=code, traceback=f"ended by {name}", waited_seconds=seconds)
        return found


def _end_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _carry_out(case: Callable[[int, int], Verdict], number: int, place: int, sender: int) -> None:
    global _SENDER
    _SENDER = sender
    os.setpgid(0, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    devnull = os.open(os.devnull, os.O_RDONLY)
    os.dup2(devnull, 0)
    try:
        found = case(number, place)
    except BaseException:
        found = Verdict(-2, traceback="the fuzzer itself: " + traceback.format_exc())
    _tell(found)
    os._exit(0)


_SENDER = -1
"""In a case's process, its pipe."""


def begin(what: str, content: bytes) -> None:
    """Say what is tried, before it is: of a case without an end nothing else is known."""
    found = Verdict(-1, what=what, file=content[: 1 << 18].decode("utf-8", "replace"))
    _tell(found)


def _tell(found: Verdict) -> None:
    told = (json.dumps(asdict(found)) + "\n").encode()
    while told and _SENDER >= 0:
        told = told[os.write(_SENDER, told) :]


def _spent() -> float:
    """Return the processor's seconds of this process and of those that it has ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _below(pid: int) -> Iterator[int]:
    """Yield the processes below a process that still live."""
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, path.read_text("ascii").split()):
            yield child
            yield from _below(child)


def _peak_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text("ascii", errors="replace")
    peak = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
    return int(peak[1]) * 1024 if peak else 0


def _seconds(pid: int) -> float:
    """Return the processor's seconds of a process (proc_pid_stat(5), fields 14 and 15)."""
    fields = (
        Path(f"/proc/{pid}/stat").read_text("ascii", errors="replace").rpartition(")")[2].split()
    )
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Meter:
    """Seconds and peak memory of a block: `with Meter() as meter`."""

    seconds: float
    waited_seconds: float
    peak_bytes: int

    def __enter__(self) -> "Meter":
        Path("/proc/self/clear_refs").write_text("5", "ascii")  # the peak begins here (proc(5))
        self._begun, self._spent = time.monotonic(), _spent()
        return self

    def __exit__(self, *_: object) -> None:
        self.waited_seconds = time.monotonic() - self._begun
        living = list(_below(os.getpid()))
        self.seconds = _spent() - self._spent + sum(map(_seconds, living))
        ended = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
        self.peak_bytes = max(ended, *map(_peak_bytes, [os.getpid(), *living]))
