"""Unpacks turns that a column holds as JSON text, or as one list for each key."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lockfiles.fixes import Advice
from planner.data.files.json_text import decode, why
from planner.data.files.raw import BadRow, RawRow, look
from planner.data.reading import names
from planner.data.reading.names import plain

CONVERSATIONS = ("messages", "conversations", "conversation")
"""Columns of turns."""
OTHERS = ("dialogue", "dialog", "turns", "chat", "contents", "dialogs", "items")
"""Columns that count as turns if they hold some."""
_SIDES = ("prompt", "completion", "chosen", "rejected")
"""Columns of text or of turns."""
_OF_TURNS = frozenset([*CONVERSATIONS, *OTHERS])
_ALL = frozenset([*CONVERSATIONS, *OTHERS, *_SIDES])
_SPEAKERS = frozenset(names.ROLE) - {"type"}  # parts of content have a type, too
_OPENING = frozenset("[{ \t\r\n")
"""First characters of text that may be JSON."""


def unpacked(raw: RawRow) -> RawRow:
    """Return a row with its turns as lists of objects.

    Raises UsageProblem for text in a column of turns that begins like a list, but is not JSON.
    """
    values = raw.values
    for name, value in raw.values.items():
        if type(value) is str and value[:1] not in _OPENING:
            continue
        if name not in _ALL and (name.islower() or plain(name) not in _ALL):
            continue
        if isinstance(value, str):
            found = _decoded(raw, name, value) if value.lstrip()[:1] in ("[", "{") else None
        elif isinstance(value, dict):
            found = _transposed(value)
        else:
            continue
        if isinstance(found, list):
            values = values | {name: found}
    return raw if values is raw.values else replace(raw, values=values)


def column_of(values: Mapping[str, Any]) -> str | None:
    """Return the column of turns; None if there is none.

    Any list in a column of turns counts; in other columns, and under names in another case, only a
    list that begins with a turn.
    """
    for name in CONVERSATIONS:
        if isinstance(values.get(name), list):
            return name
    for name in values:
        if plain(name) in _OF_TURNS and are_turns(values[name]):
            return name
    return None


def are_turns(value: object) -> bool:
    """Return whether a value is a list of turns, by its first item."""
    first = value[0] if isinstance(value, list) and value else None
    if not isinstance(first, dict):
        return False
    keys = set(map(plain, first))
    return not keys.isdisjoint(_SPEAKERS) and not keys.isdisjoint((*names.CONTENT, *names.CALLS))


def _decoded(raw: RawRow, name: str, text: str) -> object:
    try:
        found = decode(text)
    except (ValueError, RecursionError) as error:
        if name in CONVERSATIONS:
            raise _no_json(raw, name, text, error) from None
        return None
    if isinstance(found, dict):
        found = _transposed(found)
    return found if name in CONVERSATIONS or are_turns(found) else None


def _transposed(found: dict[str, Any]) -> object:
    """Return turns from an object of equally long lists: `datasets` writes a sequence so."""
    columns = list(found.values())
    if not columns or not all(isinstance(column, list) for column in columns):
        return None
    if len({len(column) for column in columns}) > 1:
        return None
    made = [dict(zip(found, turn, strict=True)) for turn in zip(*columns, strict=True)]
    return made if are_turns(made) else None


def _no_json(raw: RawRow, name: str, text: str, error: Exception) -> BadRow:
    what = f"has text in `{name}` that is not JSON: {why(error)}"
    python = Advice("write the turns with `json.dumps`; this text is in Python's notation")
    shown = look(raw.path, raw.place)
    return BadRow(raw, what, fix=(python, shown) if "{'" in text[:100] else shown)
