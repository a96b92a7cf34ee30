"""Pages of files that a model describes: each table with its keys, their types and meanings."""

import ast
import inspect
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import is_dataclass
from functools import cache
from itertools import pairwise
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pydantic import BaseModel, TypeAdapter

from tests.docs_made.types import words

Form = Literal["toml", "json"]


def page(root: type, form: Form, order: Sequence[str] = ()) -> str:
    """Return a section for the outermost table, and one for each table in it, at any depth.

    `order` holds the keys of the outermost table, where they are written in another than its own.
    """
    return "\n\n".join([keys(root, order), *_inner(root, "", "", form, order)])


def keys(table: type, order: Sequence[str] = ()) -> str:
    """Return a line for each key: what it may be, and what it means."""
    properties, defs = _schema(table)
    return "\n".join(
        f"- `{name}`: {_sentence(words(properties[name], defs))}{meaning(table, name)}"
        for name in order or properties
    )


def _inner(
    table: type, place: str, picked: str, form: Form, order: Sequence[str] = ()
) -> Iterator[str]:
    """Yield the sections of the tables in a table, in schema order; one without keys has none.

    `picked` says by which value the table around them was chosen.
    """
    hints = get_type_hints(table, include_extras=True)
    for name in order or hints:
        hint = hints[name]
        inner = list(tables_in(hint)) if name in _schema(table)[0] else []
        at = f"{place}.{name}" if place else name
        for one in (one for one in inner if _schema(one)[0]):
            by = _picked(one) if len(inner) > 1 else picked
            yield f"## {_title(at, form, several=_is_list(hint))}{by}"
            yield inspect.getdoc(one) or ""
            yield keys(one)
            yield from _inner(one, at, by, form)


def _sentence(text: str) -> str:
    return f"{text}." if not text.endswith(".") else text


def _title(place: str, form: Form, *, several: bool) -> str:
    if form == "json":
        return f"{place}[]" if several else place
    return f"[[{place}]]" if several else f"[{place}]"


def _picked(table: type) -> str:
    """Return by which value a table of several possible ones is chosen."""
    for name, one in _schema(table)[0].items():
        values = one.get("enum") or ([one["const"]] if "const" in one else [])
        if values:
            return f", {name} = {', '.join(str(value) for value in values)}"
    return ""


@cache
def _schema(table: type) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the JSON Schema of each key of a table, and what they refer to."""
    schema = TypeAdapter(table).json_schema()
    own = schema.get("$defs", {}).get(schema.get("$ref", "").rpartition("/")[2], schema)
    return own.get("properties", {}), schema.get("$defs", {})


def tables_in(hint: Any) -> Iterator[type]:
    """Yield the tables that a value of this type holds: one, each of a list, or one of several."""
    if isinstance(hint, type) and (issubclass(hint, BaseModel) or is_dataclass(hint)):
        yield hint
    elif get_origin(hint) is not dict:
        for inner in get_args(hint):
            yield from tables_in(inner)


def _is_list(hint: Any) -> bool:
    return get_origin(hint) is list or any(_is_list(one) for one in get_args(hint))


def meaning(table: type, name: str) -> str:
    """Return the sentences below a field in its class, or in the class that it comes from."""
    for one in table.__mro__:
        if text := _documented(one).get(name):
            return f" {text}"
    return ""


@cache
def _documented(table: type) -> dict[str, str]:
    """Return the text below each field of a class."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(table)))
    except (OSError, TypeError):  # a class of another library, without source
        return {}
    assert isinstance(tree.body[0], ast.ClassDef)
    return {
        field.target.id: " ".join(str(text.value.value).split())
        for field, text in pairwise(tree.body[0].body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
    }
