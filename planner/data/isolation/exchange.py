"""One request to a child process and its answer, with deadlines.

Answers are untrusted: lengths are checked before bytes are stored, and bytes before they are
parsed.
"""

import math
import os
import select
import time
from collections.abc import Sequence
from typing import Any

from planner.data.isolation import frames, limits

_CHUNK_BYTES = 2**20
_SECOND_LOOK_SECONDS = 0.25
"""Extra wait for a late call: the machine may have been suspended."""
Answer = tuple[dict[str, Any], memoryview]


class Ended(Exception):
    """A child process did not answer and must be killed."""

    def __init__(self, place: int, *, late: str = "", how: str = "") -> None:
        super().__init__(place, late, how)
        self.place = max(place, 0)
        """The index of the current row; past the last row, all rows together."""
        self.late = late
        """`late` if a row exceeded its time, `slow` if all rows together did."""
        self.how = how
        """What is wrong with its answer; empty if its pipe was closed."""


class Exchange:
    """Sends one request and waits for the answer."""

    def __init__(
        self, pipes: tuple[int, int], request: bytes, waits: Sequence[float], most: float
    ) -> None:
        """Prepare to write to the first pipe, which is non-blocking, and to read from the second.

        `waits` are the seconds for each row, and last for the work after all rows; `most` is the
        total.
        """
        self._to, self._from = pipes
        self._rest, self._heard = memoryview(request), bytearray()
        self._waits, self._most = waits, most
        self._place, self._late_until = -1, 0.0
        self._row_ends = self._ends = math.inf
        self._poll = select.poll()
        self._poll.register(self._from, select.POLLIN)
        self._poll.register(self._to, select.POLLOUT)

    def answer(self, start: float) -> Answer:
        """Return the answer; `start` is the extra time for the child to start. Raises Ended."""
        begun = time.monotonic() + start
        self._row_ends, self._ends = begun + self._waits[0], begun + self._most
        while True:
            events = self._events()
            if self._to in events:
                self._send()
            if self._from in events:
                self._hear()
                if found := self._whole():
                    return found

    def _events(self) -> dict[int, int]:
        """Wait until a pipe is ready; a late call gets a short extra wait."""
        now, due = time.monotonic(), min(self._row_ends, self._ends)
        if now >= due:
            due = self._late_until = self._late_until or now + _SECOND_LOOK_SECONDS
        events = dict(self._poll.poll((due - now) * 1000)) if now < due else {}
        if not events and self._late_until and time.monotonic() >= self._late_until:
            raise Ended(self._place, late="slow" if self._ends < self._row_ends else "late")
        return events

    def _send(self) -> None:
        try:
            self._rest = self._rest[os.write(self._to, self._rest[:_CHUNK_BYTES]) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._rest = self._rest[:0]  # the reason shows at the other pipe
        if not self._rest:
            self._poll.unregister(self._to)

    def _hear(self) -> None:
        """Read more, and process the frames that announce a row."""
        chunk = os.read(self._from, _CHUNK_BYTES)
        if not chunk:
            raise Ended(self._place)
        self._heard += chunk
        while (start := self._start()) and start[0] == frames.ROW:
            place = start[1]
            if place >= len(self._waits):
                raise Ended(self._place, how="a row that was not requested")
            if place > self._place:
                now, self._place = time.monotonic(), place
                self._row_ends = now + self._waits[place]
                if now < self._ends:  # a new row is not late, but all together stay so
                    self._late_until = 0.0
            del self._heard[: frames.HEADER.size]

    def _start(self) -> tuple[int, int, int] | None:
        if len(self._heard) < frames.HEADER.size:
            return None
        kind, first, second = frames.HEADER.unpack_from(self._heard)
        return kind, first, second

    def _whole(self) -> Answer | None:
        """Return the answer if it is complete."""
        if not (found := self._start()):
            return None
        kind, first, second = found
        if kind != frames.ANSWER or first + second > limits.ANSWER_BYTES:
            raise Ended(self._place, how="an answer that is too long")
        start, end = frames.HEADER.size, frames.HEADER.size + first + second
        if len(self._heard) < end:
            return None
        try:
            head = frames.decode(bytes(self._heard[start : start + first]))
        except (ValueError, RecursionError):
            head = None
        if not isinstance(head, dict) or len(self._heard) != end:
            raise Ended(self._place, how="an invalid answer")
        return head, memoryview(self._heard)[start + first :]
