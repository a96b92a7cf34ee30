"""What pydantic has against a value, as words that echo nothing of a hostile input unbounded."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from lockfiles.fields import tables_in
from lockfiles.harmless import one_line
from lockfiles.nearest import nearest

MOST_SHOWN_CHARS = 100
"""What is shown at most of a key or a value that is wrong."""
CONTRADICTION = "contradiction"
"""The type of an error between fields; its context has `field` and `words`."""
_UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")
"""The types of an error for a key that a table does not know."""
_DISCRIMINATORS = ("kind", "name")
"""The fields that say which of several tables one is."""
_OF_KEY = "[key]"
"""What pydantic puts at the end of the place of a dictionary's key that is wrong."""

_Location = tuple[str | int, ...]
"""Where pydantic says that an error is: keys, and the numbers of list items."""


@dataclass(frozen=True)
class Fault:
    """The first thing that is wrong with some tables."""

    key: str
    """Dotted, without the numbers of list items, on one line; empty for the whole."""
    place: str
    """The same with those numbers, as `text.key_lines` has it."""
    words: str
    """To follow the key: `must be a whole number`."""


def fault(problem: ValidationError, table: type[BaseModel] | None = None) -> Fault:
    """Return the first fault: an unknown key before anything else.

    With the `table` that was read, an unknown key is named with the nearest known one.
    """
    found = problem.errors(include_url=False, include_input=False)
    first = next((error for error in found if error["type"] in _UNKNOWN), found[0])
    if first["type"] == CONTRADICTION:
        field, words = first["ctx"]["field"], first["ctx"]["words"]
        parts = (int(part) if part.isdecimal() else part for part in field.split("."))
        return Fault(_named(parts), field, words)
    location = _within(table, first["loc"])
    if first["type"].startswith("union_tag"):
        location = (*location, first["ctx"]["discriminator"].strip("'"))
    place = ".".join(str(part) for part in location if part != _OF_KEY)
    words = _words(first, table, location)
    return Fault(_named(location), place, words if place else words.removeprefix("is wrong: "))


def _named(location: Iterable[str | int]) -> str:
    parts = (part for part in location if isinstance(part, str) and part != _OF_KEY)
    return one_line(".".join(parts), most=MOST_SHOWN_CHARS)


def _within(table: type[BaseModel] | None, location: _Location) -> _Location:
    """Leave out of a location what pydantic puts in to say which of several tables it read."""
    kept: list[str | int] = []
    tables = [table] if table else []
    for part in location:
        tagged = [one for one in tables if part in _tags(one)]
        if tagged and len(tables) > 1:
            tables = tagged
            continue
        kept.append(part)
        if isinstance(part, str):
            tables = _inside(tables, part)
    return tuple(kept)


def _inside(tables: Iterable[type[BaseModel]], name: str) -> list[type[BaseModel]]:
    """Return the tables that a field of this name holds, in any of some tables."""
    fields = [one.model_fields[name] for one in tables if name in one.model_fields]
    return [inner for field in fields for inner in tables_in(field.annotation)]


def _tags(table: type[BaseModel]) -> tuple[object, ...]:
    """Return the names that tell a table from others in its place."""
    fields = (table.model_fields.get(name) for name in _DISCRIMINATORS)
    return tuple(tag for field in fields if field for tag in get_args(field.annotation))


def _words(error: ErrorDetails, table: type[BaseModel] | None, location: _Location) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind in _UNKNOWN:
        known = _known(table, location[:-1])
        if location[-1] in known:  # of another kind of table that can stand in this place
            return "does not belong here"
        like = nearest(str(location[-1]), known)
        return "is an unknown key" + (f"; the nearest known one is `{like}`" if like else "")
    if kind in ("missing", "missing_argument", "union_tag_not_found"):
        return "is missing"
    if kind == "value_error":
        said = error["msg"].removeprefix("Value error, ")
        return one_line(f"is wrong: {said}", most=2 * MOST_SHOWN_CHARS)
    if location and location[-1] == _OF_KEY:
        return "is an unknown key"
    return f"is wrong: it {_wanted(kind, context, error['msg'])}"


def _known(table: type[BaseModel] | None, location: Iterable[str | int]) -> list[str]:
    """Return the keys that stand beside the one below `location`."""
    tables = [table] if table else []
    for part in location:
        if isinstance(part, str):
            tables = _inside(tables, part)
    return list(dict.fromkeys(name for one in tables for name in one.model_fields))


_KINDS: Mapping[str, str] = {
    "string_type": "must be text in quotes",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "is out of range",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be `true` or `false`",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be a table",
    "model_type": "must be a table",
    "model_attributes_type": "must be a table",
    "dataclass_type": "must be a table",
    "dataclass_exact_type": "must be a table",
    "string_pattern_mismatch": "does not have the form of such a value",
    "json_invalid": "must be JSON",
}
_BOUNDS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "greater_than": lambda c: f"must be more than {c['gt']:g}",
    "greater_than_equal": lambda c: f"must be at least {_number(c['ge'])}",
    "less_than": lambda c: f"must be less than {_number(c['lt'])}",
    "less_than_equal": lambda c: f"must be at most {_number(c['le'])}",
    "multiple_of": lambda c: f"must be a multiple of {_number(c['multiple_of'])}",
    "string_too_long": lambda c: f"has more than {c['max_length']:,} characters",
    "string_too_short": lambda c: f"has fewer than {c['min_length']:,} characters",
    "too_long": lambda c: f"has more than {c['max_length']:,} items",
    "too_short": lambda c: f"has fewer than {c['min_length']:,} items",
    "literal_error": lambda c: f"must be {_choices(c['expected'])}",
    "enum": lambda c: f"must be {_choices(c['expected'])}",
    "union_tag_invalid": lambda c: f"must be one of {_choices(c['expected_tags'])}",
}


def _wanted(kind: str, context: Mapping[str, Any], said: str) -> str:
    if kind in _BOUNDS:
        return _BOUNDS[kind](context)
    words = _KINDS.get(kind) or said
    return one_line(words, most=2 * MOST_SHOWN_CHARS)


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _choices(expected: str) -> str:
    return expected.replace("'", "`")
