"""Parses what a stage process sends over its pipe: events as lines of JSON, checked and bounded."""

import json
import time
from collections.abc import Iterator
from typing import Any

from lockfiles import limits
from runner.runs.events import KINDS
from runner.runs.pipe import HEARTBEAT

_MOST_LINE_BYTES = 8 << 20
_LONGEST_SECONDS = 3600.0
_SECONDS = {"step": "step_seconds", "checkpoint": "seconds"}
"""The kinds of events that show how soon a stage can stop, with the field that has the seconds."""


class Sent:
    """Joins the blocks read from a pipe into events, without heartbeats."""

    def __init__(self) -> None:
        self._held = b""
        self._skipping = False
        self._seconds = dict.fromkeys(_SECONDS, 0.0)
        self._began = time.monotonic()
        self._heard: dict[int, float] = {}

    @property
    def longest_seconds(self) -> float:
        """Seconds of the last step plus the last checkpoint; at most an hour each."""
        return sum(self._seconds.values())

    @property
    def heard(self) -> bool:
        """Whether a process that has not ended was heard."""
        return bool(self._heard)

    def stalest(self, now: float) -> tuple[int | None, float]:
        """Return which process was silent longest, and for how many seconds until `now`, a time up
        to which all that was sent has been read; None for rank 0, and before any was heard.
        Whatever is not a heartbeat of another one is of rank 0."""
        if not self._heard:
            return None, now - self._began
        rank = min(self._heard, key=lambda one: self._heard[one])
        return rank or None, now - self._heard[rank]

    def events(self, block: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the kind and the fields of each event that a block completes."""
        *lines, self._held = (self._held + block).split(b"\n")
        if self._skipping and lines:
            self._skipping = False
            del lines[0]
        if len(self._held) > _MOST_LINE_BYTES:
            self._held, self._skipping = b"", True
            yield "warning", {"text": "skipped an event that is too long"}
        for line in lines:
            kind, fields = _event(line)
            if kind == HEARTBEAT:
                self._hear(fields)
                continue
            self._hear({})
            self._note(kind, fields)
            yield kind, fields

    def _hear(self, fields: dict[str, Any]) -> None:
        rank = fields.get("rank", 0)
        if type(rank) is int and 0 <= rank <= limits.MOST_PROCESSES:
            self._heard[rank] = time.monotonic()
            if fields.get("last"):
                del self._heard[rank]

    def _note(self, kind: str, fields: dict[str, Any]) -> None:
        seconds = fields.get(_SECONDS.get(kind, ""))
        if isinstance(seconds, int | float):
            self._seconds[kind] = float(min(max(0.0, seconds), _LONGEST_SECONDS))


def _event(line: bytes) -> tuple[str, dict[str, Any]]:
    try:
        fields = json.loads(line)
        kind = str(fields.pop("kind"))
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError):
        return "warning", {"text": f"not an event: {line[:200]!r}"}
    if kind not in KINDS and kind != HEARTBEAT:
        return "warning", {"text": f"an event of unknown kind `{kind[:100]}`"}
    return kind, fields
