"""`events.jsonl`: everything that can be observed of a run. One JSON object per line, one writer.

Of a stage's several processes only rank 0 sends, except that the first one to fail sends `failed`.
Each event has `seq` (from 0, without gaps), `time` (seconds since the epoch), `stage`, `kind`,
and its own fields. Fields that are the same for every stage:

- `warning`: `text`; `stalled_seconds` if a stage process has sent no heartbeat for that long
  (0: it is responding again); `quiet_seconds` if it is running but reports no progress;
  `damaged_lines` if lines of the file were skipped.
- `started` of the run: `stages`, the ids of its stages, and `kinds`, the kind of each.
- `failed`: `message`, `hint`, `exit_code`, and `details`: further lines, such as the fields that
  differ.
- `failed` and `warning` from another machine of the run: `host`, its name.
- `step`, with several processes: `rank_peak_bytes`, the peak memory of each, in addition to
  `peak_bytes`, the greatest.
- `progress`: `what`, `done`, `total`, `unit`; `stop_within_seconds` after a stop was requested:
  the stage is killed after that time.

An incomplete last line is read later, once it is complete. A line that is not an event (no JSON,
wrong types, too long) is damaged: it is skipped and counted, and never an error.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lockfiles.errors import RunFailed
from lockfiles.files import open_regular
from lockfiles.fixes import Advice
from runner.runs.safe_folder import OwnFolder, not_ours

Kind = Literal[
    "started", "progress", "done", "failed", "step", "evaluation",
    "checkpoint", "sample", "warning", "artifact",
]  # fmt: skip
KINDS = frozenset(get_args(Kind))
"""The kinds of event that a stage may send; the supervisor refuses any other."""

LINE_BYTES = 1 << 20
"""The longest line; the texts of a longer event are truncated when it is written."""
BLOCK_BYTES = 4 << 20
"""The size of one read: at least one complete line."""
MOST_BYTES = 1 << 30
"""Of a larger file only this much of its end is read."""
_MOST_TAIL_BYTES = 16 << 20
"""A longer end without a newline cannot be an incomplete event."""
_MOMENT_BYTES = 1 << 16
_CUT_CHARS = 4000
_MOST_SEQ = 1 << 53
_MOST_COUNTED_SEQ = 1 << 52
"""Numbering never continues from a greater number, so that later numbers stay readable."""
_MOST_TIME = 1e11
_MOST_NAME = 100
_MOST_DIGITS = 20


@dataclass(frozen=True)
class Event:
    """One line of `events.jsonl`."""

    seq: int
    time: float
    """Seconds since the epoch, by the supervisor's clock."""
    stage: str
    kind: str
    fields: dict[str, Any]
    """The fields of this kind, with units in the names: `step_seconds`, `peak_bytes`."""


class _Line(BaseModel):
    """The JSON object of a line: the keys of every event, and the fields of its kind."""

    model_config = ConfigDict(strict=True, extra="allow")

    seq: Annotated[int, Field(ge=0, le=_MOST_SEQ)]
    time: Annotated[float, Field(ge=0, le=_MOST_TIME)]
    stage: Annotated[str, Field(max_length=_MOST_NAME)]
    kind: Annotated[str, Field(max_length=_MOST_NAME)]


class Tail:
    """Reads a growing events file block by block; holds at most one block in memory.

    A symbolic link at the path is not followed.
    """

    def __init__(self, path: Path, *, offset: int = 0) -> None:
        self.path = path
        self.offset = offset
        """The byte after the last complete line that was read."""
        self.damaged = 0
        """Lines skipped so far."""
        self.more = False
        """Whether the last block ended before the file did."""
        self._skipping = False
        """True inside a line that is too long."""

    def next(self, *, until: int | None = None) -> list[Event]:
        """Return the events of the next block; it may have none even if the offset moved.

        Reads up to the byte `until`, if given. A file that does not exist has no events. Raises
        UsageProblem if the path is not a regular file, and OSError.
        """
        try:
            descriptor = open_regular(self.path, follow=False)
        except FileNotFoundError:
            return []
        try:
            end = os.fstat(descriptor).st_size
            self._place(end)
            most = BLOCK_BYTES if until is None else min(BLOCK_BYTES, until - self.offset)
            block = os.pread(descriptor, max(0, most), self.offset)
        finally:
            os.close(descriptor)
        self.more = len(block) == BLOCK_BYTES and self.offset + len(block) < end
        return self._taken(block)

    def blocks(self, *, until: int | None = None) -> Iterator[list[Event]]:
        """Yield the events of the file up to its current end, block by block."""
        yield self.next(until=until)
        while self.more:
            yield self.next(until=until)

    def to_end(self) -> None:
        """Skip what the file holds already, except the most recent events."""
        with suppress(OSError):
            size = os.stat(self.path, follow_symlinks=False).st_size
            self.offset = max(0, size - _MOMENT_BYTES)
            self._skipping = self.offset > 0

    def _place(self, size: int) -> None:
        if size < self.offset:
            self.offset, self._skipping = 0, False
        if self.offset == 0 and size > MOST_BYTES:
            self.offset, self._skipping = size - MOST_BYTES, True

    def _taken(self, block: bytes) -> list[Event]:
        whole, newline, rest = block.rpartition(b"\n")
        if not newline and len(rest) > LINE_BYTES:
            self.damaged += not self._skipping
            self._skipping = True
            self.offset += len(rest)
            return []
        if not newline:
            return []
        self.offset += len(whole) + 1
        lines = whole.split(b"\n")
        if self._skipping:
            self._skipping = False
            del lines[0]
        objects = (line for line in lines if line[:1] == b"{")
        found = [event for line in objects if (event := parsed(line)) is not None]
        self.damaged += len(lines) - len(found)
        return found


def read(path: Path, *, offset: int = 0) -> tuple[list[Event], int]:
    """Return the complete events from a byte offset on, and the offset after them.

    A file that does not exist yet has none. Damaged lines are skipped. Raises as `Tail.next`.
    """
    tail = Tail(path, offset=offset)
    return [event for block in tail.blocks() for event in block], tail.offset


def parsed(line: bytes) -> Event | None:
    """Return the event in a line; None if it is not one."""
    if len(line) > LINE_BYTES:
        return None
    try:
        fields = json.loads(line.decode("utf-8"), parse_int=_integer)
    except (ValueError, RecursionError):
        return None
    try:
        head = _Line.model_validate(fields)
    except ValidationError:
        return None
    return Event(head.seq, head.time, head.stage, head.kind, head.model_extra or {})


def _integer(text: str) -> int:
    """Return an integer of at most 64 bits. Raises ValueError for a larger one."""
    value = int(text) if len(text) <= _MOST_DIGITS else 1 << 64
    if abs(value) >= 1 << 63:
        raise ValueError("an integer of more than 64 bits")
    return value


class Writer:
    """Appends events; the only object that writes `events.jsonl`.

    Opening removes an incomplete last line, left by a killed writer, and continues numbering after
    the greatest number in the file. Raises UsageProblem for a symbolic or hard link, or another
    user's file.
    """

    def __init__(
        self,
        path: Path,
        *,
        within: OwnFolder | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._path = path
        folder = within or OwnFolder.open(path.parent)
        try:
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT
            self._descriptor = folder.open_file(path.name, flags)
        finally:
            if within is None:
                folder.close()
        try:
            _cut_tail(self._descriptor, path)
            self._seq, self.damaged = _numbered(path)
        except BaseException:
            os.close(self._descriptor)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        problem: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._descriptor)

    @property
    def size(self) -> int:
        """The bytes in the file."""
        return os.fstat(self._descriptor).st_size

    def append(self, stage: str, kind: str, fields: dict[str, Any]) -> Event:
        """Write one event to the file.

        Raises ValueError for an unknown kind, and RunFailed if the disk is full: then no part of
        the event is left in the file.
        """
        if kind not in KINDS:
            raise ValueError(f"`{kind}` is not a kind of event")
        event = Event(self._seq, self._clock(), stage, kind, fields)
        head = {"seq": event.seq, "time": event.time, "stage": stage, "kind": kind}
        line = json.dumps({**fields, **head}).encode() + b"\n"
        if len(line) > LINE_BYTES:
            line = json.dumps({**_cut(fields), **head}).encode() + b"\n"
        self._write(line)
        self._seq += 1
        return event

    def _write(self, line: bytes) -> None:
        size, rest = self.size, memoryview(line)
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError as problem:
            os.ftruncate(self._descriptor, size)
            raise RunFailed(
                f"`{self._path}` cannot be written: {problem.strerror}.",
                fix=Advice("free disk space, then run the same command again"),
            ) from None


def _cut(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of an event that is too long, with texts truncated and no nested values."""
    short = {
        name: f"{value[:_CUT_CHARS]}…" if isinstance(value, str) else value
        for name, value in fields.items()
        if isinstance(value, str | int | float | None)
    }
    return short if len(json.dumps(short)) < LINE_BYTES // 2 else {"text": "event too long"}


def _cut_tail(descriptor: int, path: Path) -> None:
    """Remove what follows the last newline. Raises UsageProblem if it is too long for an event."""
    end = size = os.fstat(descriptor).st_size
    while end > 0:
        if size - end > _MOST_TAIL_BYTES:
            raise not_ours(path, "does not end in a complete line")
        begin = max(0, end - BLOCK_BYTES)
        place = os.pread(descriptor, end - begin, begin).rfind(b"\n")
        if place >= 0:
            end = begin + place + 1
            break
        end = begin
    os.ftruncate(descriptor, end)


def _numbered(path: Path) -> tuple[int, int]:
    """Return the next event number of a file, and the number of its damaged lines."""
    tail, greatest = Tail(path), -1
    for block in tail.blocks():
        counted = (event.seq for event in block if event.seq <= _MOST_COUNTED_SEQ)
        greatest = max([greatest, *counted])
    return greatest + 1, tail.damaged
