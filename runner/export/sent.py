"""Parses what a stage process sends over its pipe: events as lines of JSON, checked and bounded."""

import json
from collections.abc import Iterator
from typing import Any

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

    @property
    def longest_seconds(self) -> float:
        """Seconds of the last step plus the last checkpoint; at most an hour each."""
        return sum(self._seconds.values())

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
                continue
            self._note(kind, fields)
            yield kind, fields

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
