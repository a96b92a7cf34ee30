"""Whether a lock's changes are shown: each changed field must stand in `tunelock diff`."""

import json
import re
from collections.abc import Iterator
from typing import Any

from lockfiles import lock as locks

_Flat = dict[tuple[str, ...], str]
_FIELD = re.compile(r"^  [~+-] (\S.*?)  ", re.MULTILINE)


def hidden(before: str, after: str, told: str) -> str:
    """Return the first field that differs between two locks and that `told` does not name.

    `told` is what `tunelock diff` printed. Values are compared with their types, and empty lists
    and tables count, since a stage may read any of them.
    """
    one, other = (dict(_flat(locks.parse(text).model_dump())) for text in (before, after))
    fields = set(_FIELD.findall(told))
    for path in dict.fromkeys((*one, *other)):
        if one.get(path) == other.get(path) or _named(path, fields):
            continue
        if not (_is_empty_item(path, one, other) and _named(path[:-1], fields)):
            name = ".".join(path)
            return f"`{name}`: {one.get(path)!s:.60} → {other.get(path)!s:.60}"
    return ""


def _named(path: tuple[str, ...], fields: set[str]) -> bool:
    """Return whether a field, or a table that it is in, or what it holds, is named."""
    if any(".".join(path[:length]) in fields for length in range(1, len(path) + 1)):
        return True
    return any(field.startswith(".".join(path) + ".") for field in fields)


def _is_empty_item(path: tuple[str, ...], one: _Flat, other: _Flat) -> bool:
    """Return whether an empty list or table came, or went, with the table that it is in."""
    values = {one.get(path), other.get(path)} - {None}
    beside = path[:-1]
    lacking = not all(any(key[:-1] == beside for key in side) for side in (one, other))
    return lacking and values <= {"list []", "dict {}"}


def _flat(value: Any, at: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield each value that holds no other, with its type; an empty list or table is one.

    Items with an `id` are named by it, as `tunelock diff` does.
    """
    inside: Any = ()
    if isinstance(value, dict):
        inside = value.items()
    elif isinstance(value, list):
        inside = [(_name(index, item), item) for index, item in enumerate(value)]
    if not inside or not value:
        yield at, f"{type(value).__name__} {json.dumps(value, default=str)}"
        return
    for key, item in inside:
        yield from _flat(item, (*at, str(key)))


def _name(index: int, item: Any) -> str:
    return str(item["id"]) if isinstance(item, dict) and "id" in item else str(index)
