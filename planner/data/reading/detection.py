"""Recognizes whether the rows of a file are a classification."""

from collections.abc import Callable, Mapping
from contextlib import closing
from itertools import islice
from pathlib import Path

from planner.data.reading.classification import Labelled, estimated, find, instructed
from planner.data.reading.formats import MOST_UNREAD, recognize
from planner.data.reading.packed import unpacked
from planner.data.reading.read import every_raw

FORMAT = "classification"
_LOOKED_AT = 20
"""Rows without another format, after which the file may be a classification."""


def labelled_in(
    path: Path,
    format_: str = "auto",
    *,
    columns: Mapping[str, str] | None = None,
    system: str = "",
    tokens: Callable[[str], int] = estimated,
) -> Labelled | None:
    """Return how to read a file or folder as a classification; None if its rows are not one.

    `format_` is `auto`, or the format that a person wants. `columns` may name its columns as
    `prompt` and `completion`. `system` replaces the instruction, which lists the labels if that
    takes few `tokens`. Raises UsageProblem as `find` does.
    """
    wanted = format_ == FORMAT
    if not wanted and (format_ != "auto" or columns or not _may_be_one(path)):
        return None
    named = columns or {}
    found = find(
        path,
        prompt=named.get("prompt", ""),
        completion=named.get("completion", ""),
        wanted=wanted,
    )
    return instructed(found, system, tokens) if found else None


def _may_be_one(path: Path) -> bool:
    """Return whether the first good rows are of no other format, and one has several columns."""
    looked, several = 0, False
    with closing(every_raw(path)) as rows:
        for raw in islice(rows, MOST_UNREAD):
            if raw.problem:
                continue
            values = unpacked(raw).values
            if recognize(values) not in (None, "text"):
                return False
            looked, several = looked + 1, several or len(values) > 1
            if looked == _LOOKED_AT:
                break
    return several
