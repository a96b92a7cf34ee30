"""Strict JSON: extensions that Python accepts are errors.

RFC 8259 has no NaN, and does not define which of two equal keys counts.
"""

import json
from collections.abc import Callable
from typing import Any, cast

from lockfiles.parsers import json_words
from planner.data.files.raw import RawRow, doubled, fault

MAX_DEPTH = 100
"""Levels of nesting. Python's own limit depends on its version and on the call stack, so plan and
runner could disagree."""


class NotStrict(ValueError):
    """JSON that only Python accepts."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = doubled(name for name, _ in pairs)
        raise NotStrict(f"duplicate key `{twice}` in one object")
    return found


def _constant(name: str) -> None:
    raise NotStrict(f"`{name}` is not a JSON value")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)
_SPACE = " \t\n\r"
_SCAN: Callable[[str, int], tuple[Any, int]] = cast(Any, _DECODER).scan_once


def decode(text: str) -> Any:
    """Return the one value in `text`. Raises ValueError or RecursionError: see `why`."""
    try:
        value, end = _SCAN(text, 0)
    except StopIteration:
        end = -1
    if end < 0 or text[end:].strip(_SPACE):
        value = _DECODER.decode(text)  # white space comes first, or the text is not JSON
    _check_depth(value, text.count("[") + text.count("{"))
    return value


def decode_at(text: str, at: int) -> tuple[Any, int]:
    """Return the value that begins at character `at`, and its end; raises as `decode` does."""
    value, end = _DECODER.raw_decode(text, at)
    _check_depth(value, text.count("[", at, end) + text.count("{", at, end))
    return value, end


def decode_inside(raw: RawRow, text: str, where: str) -> Any:
    """Return the value of JSON text in a row. Raises UsageProblem that names `where`."""
    try:
        return decode(text)
    except (ValueError, RecursionError) as error:
        raise fault(raw, f"has invalid JSON in {where}: {why(error)}") from None


def why(error: Exception) -> str:
    """Return why a text is not JSON, as the end of a sentence."""
    if isinstance(error, json.JSONDecodeError):
        return json_words(error)
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return str(error) if isinstance(error, NotStrict) else "a number is too long"


def _check_depth(value: Any, opened: int) -> None:
    """Raise RecursionError for deep nesting; `opened` is an upper bound of the depth."""
    if opened <= MAX_DEPTH or not isinstance(value, dict | list):
        return
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [one for holder in level for one in _inside(holder)]
    if level:
        raise RecursionError


def _inside(holder: dict[str, Any] | list[Any]) -> list[dict[str, Any] | list[Any]]:
    values = holder.values() if isinstance(holder, dict) else holder
    return [one for one in values if isinstance(one, dict | list)]
