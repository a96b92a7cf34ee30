"""Rows about things in a shop, each different, and the files that hold them."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

Row = dict[str, Any]
Maker = Callable[[str], Row]
"""A function from a thing to a row about it."""

_NOUNS = "kettle ladder violin parcel garden bicycle window blanket lantern compass teapot saddle"
_KINDS = "small green wooden broken Dutch heavy silver folding painted spare"
THINGS = tuple(f"{kind} {noun}" for kind in _KINDS.split() for noun in _NOUNS.split())
FIRST = THINGS[0]
"""The thing of the first row."""


def made(make: Maker, count: int = 24) -> list[Row]:
    """Return a row for each of the first things; by default as few as a plan accepts quickly."""
    return [make(thing) for thing in THINGS[:count]]


def jsonl(path: Path, rows: Iterable[Mapping[str, Any]]) -> Path:
    """Write rows as JSON Lines and return the path."""
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), "utf-8")
    return path


def table(rows: Iterable[Mapping[str, Any]], delimiter: str = ",") -> str:
    """Return rows as a text of delimited columns."""
    listed = list(rows)
    out = io.StringIO()
    writer = csv.DictWriter(out, list(listed[0]), delimiter=delimiter, lineterminator="\n")
    writer.writeheader()
    writer.writerows(listed)
    return out.getvalue()


def said(role: str, content: object, **more: object) -> Row:
    """Return a turn of a conversation."""
    return {"role": role, "content": content} | more


def spoken(speaker: str, value: object, **more: object) -> Row:
    """Return a turn in ShareGPT's form."""
    return {"from": speaker, "value": value} | more


def asked(thing: str) -> Row:
    """Return a row of one question and its answer."""
    return {"messages": [said("user", question(thing)), said("assistant", answer(thing))]}


def question(thing: str) -> str:
    """Return the question about a thing."""
    return f"Is the {thing} in stock?"


def answer(thing: str) -> str:
    """Return the answer to it."""
    return f"Yes, two pieces of the {thing}."
