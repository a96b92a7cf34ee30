"""The protocol between the two processes: a header, a JSON object, then raw bytes.

A child also sends headers alone that announce the row it starts, for the parent's time limits.
"""

import json
import struct
from typing import Any

HEADER = struct.Struct("<BII")
"""Kind, length of the JSON and number of raw bytes; for `ROW`, the index of the row and 0."""
ANSWER, ROW = 0, 1

OF_A_ROW = frozenset(["refused", "fails", "rewritten", "left-out", "lost", "no-answer"])
"""Faults of one row; the other rows are still answered."""
FAULTS = OF_A_ROW | {"memory", "size", "tokens", "broken", "missing", "unreadable"}
"""All faults that a child reports."""


def encode(head: dict[str, Any], raw: bytes = b"") -> bytes:
    """Return a frame with `head` as its JSON object. Lone surrogates are preserved."""
    text = json.dumps(head, ensure_ascii=False, separators=(",", ":"))
    content = text.encode("utf-8", "surrogatepass")
    return HEADER.pack(ANSWER, len(content), len(raw)) + content + raw


def announce_row(row_index: int) -> bytes:
    """Return the frame that announces a row."""
    return HEADER.pack(ROW, row_index, 0)


def decode(content: bytes) -> Any:
    """Return the JSON of a frame. Raises ValueError or RecursionError."""
    return json.loads(content.decode("utf-8", "surrogatepass"))
