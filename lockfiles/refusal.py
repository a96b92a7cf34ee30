"""Turns pydantic's validation errors into words; input is echoed with a limit."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from pydantic_core.core_schema import ErrorType

from lockfiles import later
from lockfiles.fields import tables_in
from lockfiles.harmless import one_line
from lockfiles.nearest import nearest

MOST_SHOWN_CHARS = 100
"""Most characters that are shown of a wrong key or value."""
CONTRADICTION = "contradiction"
"""The type of an error about several fields; its context has `field` and `words`."""
_UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")
"""The types of errors for an unknown key of a table."""
_DISCRIMINATORS = ("kind", "name")
"""The fields that identify a table in a union."""
_OF_KEY = "[key]"
"""The last part of the location of an invalid dictionary key in pydantic."""

_Location = tuple[str | int, ...]
"""The location of an error in pydantic: keys and indices of list items."""


@dataclass(frozen=True)
class Fault:
    """The first error in some tables."""

    key: str
    """Dotted, on one line, without the indices of list items; empty for the document itself."""
    place: str
    """The same with indices, as in `text.key_lines`."""
    words: str
    """The rest of the sentence after the key: `must be an integer`."""
    contradicts: bool = False
    """Whether the value is valid, and contradicts another one."""


def fault(problem: ValidationError, table: type[BaseModel] | None = None) -> Fault:
    """Return the first fault; an unknown key takes precedence.

    If the `table` that was read is given, an unknown key is reported with the nearest known one.
    """
    found = problem.errors(include_url=False)
    first = next((error for error in found if error["type"] in _UNKNOWN), found[0])
    if first["type"] == CONTRADICTION:
        field, words = first["ctx"]["field"], first["ctx"]["words"]
        parts = (int(part) if part.isdecimal() else part for part in field.split("."))
        return Fault(_named(parts), field, words, contradicts=True)
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
    """Remove from a location the tags that pydantic adds for unions, such as a stage's kind."""
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
    """Return the tables inside the field of this name, in any of some tables."""
    fields = [one.model_fields[name] for one in tables if name in one.model_fields]
    return [inner for field in fields for inner in tables_in(field.annotation)]


def _tags(table: type[BaseModel]) -> tuple[object, ...]:
    """Return the values that identify a table in a union."""
    fields = (table.model_fields.get(name) for name in _DISCRIMINATORS)
    return tuple(tag for field in fields if field for tag in get_args(field.annotation))


def _words(error: ErrorDetails, table: type[BaseModel] | None, location: _Location) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind in _UNKNOWN:
        known = _known(table, location[:-1])
        if location[-1] in known:  # a key of another member of the union
            return "does not belong here"
        if later.planned(str(location[-1])):
            return later.SENTENCE
        like = nearest(str(location[-1]), known)
        return "is an unknown key" + (f"; the nearest known one is `{like}`" if like else "")
    if kind in ("missing", "missing_argument", "union_tag_not_found"):
        return "is missing"
    if kind == "value_error":
        said = error["msg"].removeprefix("Value error, ")
        return one_line(f"is wrong: {said}", most=2 * MOST_SHOWN_CHARS)
    if location and location[-1] == _OF_KEY:
        return "is an unknown key"
    return f"is wrong: it {_wanted(kind, context, error['msg'])}{_later(error)}"


def _later(error: ErrorDetails) -> str:
    """Return the clause for a value that is planned for a later version, or nothing."""
    if error["type"] not in ("literal_error", "union_tag_invalid"):
        return ""
    value = error.get("ctx", {}).get("tag", error.get("input"))
    name = later.planned(value) if isinstance(value, str) else ""
    return f", and `{name}` {later.SENTENCE}" if name else ""


def _known(table: type[BaseModel] | None, location: Iterable[str | int]) -> list[str]:
    """Return the known keys of the table at `location`."""
    tables = [table] if table else []
    for part in location:
        if isinstance(part, str):
            tables = _inside(tables, part)
    return list(dict.fromkeys(name for one in tables for name in one.model_fields))


_KINDS: Mapping[str, str] = {
    "string_type": "must be text in quotes",
    "int_type": "must be an integer",
    "int_from_float": "must be an integer",
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
    "string_pattern_mismatch": "does not have the required form",
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
    of_pydantic = kind in get_args(ErrorType)
    words = _KINDS.get(kind) or ("does not have the required form" if of_pydantic else said)
    return one_line(words, most=2 * MOST_SHOWN_CHARS)


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _choices(expected: str) -> str:
    return expected.replace("'", "`")
