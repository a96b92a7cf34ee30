"""The protocol between the two processes: both lengths, a JSON object, then raw bytes.

A child also sends frames that announce the row it starts, for the parent's time limits.
"""

import json
import struct
from typing import Any

START = struct.Struct("<BII")
"""Kind, bytes of JSON, raw bytes; for `AT`, the index of the row and 0."""
ANSWER, AT = 0, 1

OF_A_ROW = frozenset(["refused", "rewritten", "left-out"])
"""Faults of one row; the other rows are still answered."""
FAULTS = OF_A_ROW | {"memory", "size", "tokens", "broken", "missing", "unreadable"}
"""All faults that a child reports."""


def packed(head: dict[str, Any], raw: bytes = b"") -> bytes:
    """Return a frame. Lone surrogates are preserved."""
    said = json.dumps(head, ensure_ascii=False, separators=(",", ":"))
    content = said.encode("utf-8", "surrogatepass")
    return START.pack(ANSWER, len(content), len(raw)) + content + raw


def at(place: int) -> bytes:
    """Return the frame that announces a row."""
    return START.pack(AT, place, 0)


def unpacked(content: bytes) -> Any:
    """Return the JSON of a frame. Raises ValueError or RecursionError."""
    return json.loads(content.decode("utf-8", "surrogatepass"))
