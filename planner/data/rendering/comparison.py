"""Compares a text with what a template prints of it."""

import html
import json
from urllib.parse import unquote

from planner.data.rendering.parts import swapped
from planner.data.rendering.spans import Span

_SURE = 8
"""Characters of a text that is not found by chance."""


def is_same(value: str, printed: str) -> bool:
    """Return whether a template prints a text, apart from escapes, white space and case."""
    return printed == value or bool({*_plain(value)} & {*_plain(printed)})


def _plain(text: str) -> list[str]:
    """Return a text with and without escapes, each without white space and in lower case."""
    found = [text]
    for _ in range(2):
        found.append(_unescaped(found[-1]))
    found += [html.unescape(text), unquote(text), text.replace("\\", "")]
    return ["".join(one.split()).casefold() for one in found]


def _unescaped(text: str) -> str:
    """Return a text without the escapes of JSON."""
    try:
        return str(json.loads(f'"{text}"', strict=False)) if "\\" in text else text
    except ValueError:
        return text


def changed_at(text: str, other: str, value: str) -> Span | None:
    """Return where two texts differ, if one has `value` there and the other its swapped form."""
    before = _common(text, other)
    first = next((n for n, one in enumerate(value) if one != swapped(one)), None)
    if first is None or text == other:
        return None
    start, end = before - first, before - first + len(value)
    same = start >= 0 and text[:start] == other[:start] and text[end:] == other[end:]
    return (start, end) if same and text[start:end] == value else None


def has_more_than_common(text: str, other: str) -> bool:
    """Return whether a text has a piece that another replaces, and not only adds to."""
    before = _common(text, other)
    after = _common(text[before:][::-1], other[before:][::-1])
    return before + after < len(text)


def _common(text: str, other: str) -> int:
    """Return the number of characters with which two texts begin alike."""
    pairs = enumerate(zip(text, other, strict=False))
    return next((n for n, (one, two) in pairs if one != two), min(len(text), len(other)))


def is_there(value: str, text: str) -> bool:
    """Return whether a text that is too long for chance is in another, apart from escapes."""
    plain = _plain(value)[0]
    return len(plain) >= _SURE and any(plain in one for one in _plain(text))
