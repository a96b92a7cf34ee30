"""Reads and replaces the text values in JSON without changing anything else."""

import json
import re
from collections.abc import Callable, Iterator

from planner.data.rows.rows import in_order

_STRING = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"(\s*:\s*)?', re.DOTALL)
"""A string, with the colon after it if it is a key."""


def replaced(text: str, change: Callable[[str, str], str]) -> str:
    """Return JSON text with each text value replaced by `change(key, value)`.

    The key is empty for list items and a single value. A value that contains JSON, such as the
    arguments of a call, is changed inside. Everything else stays the same byte for byte.
    """
    parts, end = [], 0
    for key, value, at, behind in _values(text):
        changed = replaced(value, change) if _holds_json(value) else change(key, value)
        if changed != value:
            parts += [text[end:at], in_order(changed)]
            end = behind
    return "".join([*parts, text[end:]])


def values(text: str) -> Iterator[tuple[str, str]]:
    """Yield each key and value that `replaced` would pass to `change`."""
    for key, value, _, _ in _values(text):
        if _holds_json(value):
            yield from values(value)
        else:
            yield key, value


def _values(text: str) -> Iterator[tuple[str, str, int, int]]:
    """Yield the key, value, start and end of each string that is not a key."""
    key, key_end = "", -1
    for found in _STRING.finditer(text):
        said = json.loads(f'"{found[1]}"') if "\\" in found[1] else found[1]
        if found[2]:
            key, key_end = said, found.end()
        else:
            yield key if key_end == found.start() else "", said, found.start(), found.end()


def _holds_json(value: str) -> bool:
    """Return whether a value is a JSON object or list with text in it."""
    if not value.startswith(("{", "[")) or '"' not in value:
        return False
    try:
        json.loads(value)
    except (ValueError, RecursionError):
        return False
    return True
