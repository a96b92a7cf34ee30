"""What the two processes send: a JSON object and raw bytes behind it, with both lengths in front.

A child sends one more kind of frame: which row it begins, so that the parent knows whose time runs.
"""

import json
import struct
from typing import Any

START = struct.Struct("<BII")
"""Kind, bytes of JSON, raw bytes; of `AT` the row's place and 0."""
ANSWER, AT = 0, 1

OF_A_ROW = frozenset(["refused", "rewritten", "left-out"])
"""Faults of one row, behind which the others are still answered."""
FAULTS = OF_A_ROW | {"memory", "size", "tokens", "broken", "missing", "unreadable"}
"""All that a child says of a request without an answer."""


def packed(head: dict[str, Any], raw: bytes = b"") -> bytes:
    """Return a frame. Half characters are kept as they are."""
    said = json.dumps(head, ensure_ascii=False, separators=(",", ":"))
    content = said.encode("utf-8", "surrogatepass")
    return START.pack(ANSWER, len(content), len(raw)) + content + raw


def at(place: int) -> bytes:
    """Return the frame that says which row is begun."""
    return START.pack(AT, place, 0)


def unpacked(content: bytes) -> Any:
    """Return the JSON of a frame. Raises ValueError or RecursionError."""
    return json.loads(content.decode("utf-8", "surrogatepass"))
