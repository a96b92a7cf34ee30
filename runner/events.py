"""`events.jsonl`: the only way to watch a run. One JSON object a line, one writer.

Each event has `seq` (from 0, without gaps), `time` (seconds since the epoch), `stage`, `kind`,
and its own fields. A line that is only half written is "not yet", never an error.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, get_args

Kind = Literal[
    "started", "progress", "done", "failed", "step", "evaluation",
    "checkpoint", "sample", "warning", "artifact",
]  # fmt: skip
KINDS = frozenset(get_args(Kind))
"""What a stage may send; the supervisor drops no event but refuses an unknown kind."""

_BLOCK_BYTES = 1 << 16


@dataclass(frozen=True)
class Event:
    """One line of `events.jsonl`."""

    seq: int
    time: float
    """Seconds since the epoch, by the supervisor's clock."""
    stage: str
    kind: str
    fields: dict[str, Any]
    """What this kind carries, with units in the names: `step_seconds`, `peak_bytes`."""


class Writer:
    """Appends events; the only object that writes `events.jsonl`.

    Opening truncates a torn tail that a killed writer left, and goes on with its numbers.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._file = path.open("a+b")
        self._seq = _mend(self._file.fileno(), path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    @property
    def size(self) -> int:
        """The bytes that stand there now."""
        return os.fstat(self._file.fileno()).st_size

    def append(self, stage: str, kind: str, fields: dict[str, Any]) -> Event:
        """Write one event and hand it to the system. Raises ValueError for an unknown kind."""
        if kind not in KINDS:
            raise ValueError(f"`{kind}` is no kind of event")
        event = Event(self._seq, self._clock(), stage, kind, fields)
        head = {"seq": event.seq, "time": event.time, "stage": stage, "kind": kind}
        self._file.write(json.dumps({**fields, **head}).encode() + b"\n")
        self._file.flush()
        self._seq += 1
        return event


def read(path: Path, *, offset: int = 0) -> tuple[list[Event], int]:
    """Return the whole events from a byte offset on, and the offset after them.

    A file that does not exist yet has none.
    """
    try:
        with path.open("rb") as file:
            file.seek(offset)
            whole, newline, _ = file.read().rpartition(b"\n")
    except FileNotFoundError:
        return [], offset
    return list(_parse(whole)), offset + len(whole) + len(newline)


def _parse(whole: bytes) -> Iterator[Event]:
    for line in whole.splitlines():
        fields = json.loads(line)
        seq, moment, stage, kind = (fields.pop(name) for name in ("seq", "time", "stage", "kind"))
        yield Event(seq, moment, stage, kind, fields)


def _mend(descriptor: int, path: Path) -> int:
    """Cut what follows the last newline, and return the next number."""
    end = size = os.fstat(descriptor).st_size
    tail = b""
    while end > 0 and tail.count(b"\n") < 2:
        begin = max(0, end - _BLOCK_BYTES)
        tail = os.pread(descriptor, end - begin, begin) + tail
        end = begin
    whole, newline, torn = tail.rpartition(b"\n")
    os.ftruncate(descriptor, size - len(torn))
    if not newline:
        return 0
    return int(json.loads(whole.rpartition(b"\n")[2])["seq"]) + 1
