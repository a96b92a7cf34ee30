"""The one shape that every data format becomes, and the digest of a list of rows."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Message:
    """One turn of a conversation."""

    role: str
    """Who speaks: `system`, `user` or `assistant`."""
    content: str
    """What is said; may be empty."""


@dataclass(frozen=True)
class Row:
    """One training example."""

    messages: tuple[Message, ...]
    """The turns in order; at least one."""


def canonical_json(row: Row) -> bytes:
    """One row as UTF-8 JSON: sorted keys, no spaces, no ASCII escapes."""
    turns = [{"role": m.role, "content": m.content} for m in row.messages]
    text = json.dumps(
        {"messages": turns}, ensure_ascii=False, sort_keys=True, separators=(",", ":")
    )
    return text.encode("utf-8", errors="surrogatepass")


def rows_sha256(rows: Iterable[Row]) -> str:
    """SHA-256 (hex) of the rows' canonical JSON, each ended by a newline."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(canonical_json(row) + b"\n")
    return digest.hexdigest()
