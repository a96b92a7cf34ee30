"""What the readers of a file share: how to read it, and the account of what was read."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from lockfiles.fixes import Advice
from planner.data.files.raw import BadRow, RawRow, look
from planner.data.reading.account import Account
from planner.data.reading.classification import Labelled
from planner.data.reading.meanings import judgment, may_be_text, meaning
from planner.data.reading.names import is_empty
from planner.data.reading.roles import Roles

_SHOWN_CHARS = 40


@dataclass(frozen=True, slots=True)
class Shape:
    """A turn of nothing but a speaker and a text."""

    speaker: str
    """The key of the speaker."""
    content: str
    """The key of the text."""
    count: list[int]
    """The number of such turns, as the account counts both keys."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of rows that have the same ones."""

    main: tuple[tuple[str, list[int]], ...]
    """The columns of the format, each with its count in the account."""
    rest: tuple[tuple[str, list[int]], ...] | None
    """The other columns, each with its count; None if what they hold decides their use."""


@dataclass(frozen=True)
class How:
    """How to read a file."""

    columns: Mapping[str, str] | None = None
    """The `prompt` and `completion` columns, if a person mapped them; else they are detected."""
    system: str = ""
    """The system message for rows without their own."""
    roles: Roles = field(default_factory=Roles)
    """The names of speakers."""
    account: Account = field(default_factory=Account)
    """What became of each key."""
    labelled: Labelled | None = None
    """How to read the rows of a classification; None for other rows."""
    shapes: dict[str, dict[tuple[str, ...], Shape]] = field(default_factory=dict)
    """By column, the keys of plain turns."""
    layouts: dict[tuple[object, ...], Layout] = field(default_factory=dict)
    """By the columns of a row and those of its format."""


def leave(
    raw: RawRow, how: How, path: str, name: str, value: object, *, known: bool = False
) -> None:
    """Count a key that is not used. Raises BadRow if it changes what the row means.

    `name` is the last part of its `path`. Empty values are ignored; `known` says that its text is
    in a turn as well.
    """
    if is_empty(value):
        return
    if why := meaning(name, value):
        raise refusal(raw, path, value, why)
    text = not known and may_be_text(name, value)
    good = None if how.labelled else judgment(name, value)
    how.account.leave(path, text=text, good=good)


def refusal(raw: RawRow, path: str, value: object, why: str) -> BadRow:
    """Return the error for a key whose value cannot be used; `why` is a clause."""
    shown = isinstance(value, int | float | str)
    said = f": {json.dumps(value, ensure_ascii=False):.{_SHOWN_CHARS}}" if shown else ""
    name = path.rpartition(".")[2]
    return BadRow(
        raw,
        f"has `{path:.{_SHOWN_CHARS}}{said}`, {why}",
        fix=(
            Advice(f"remove `{name:.{_SHOWN_CHARS}}` where that is right"),
            look(raw.path, raw.place),
        ),
    )
