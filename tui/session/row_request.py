"""Rows of a data file as the screen asks for them and gets them, one by one."""

from dataclasses import dataclass

from tui.session.request import Asked


@dataclass(frozen=True)
class Opening:
    """Which rows will be asked for, by their numbers from 0."""

    asked: Asked
    """The answers that they are read by."""
    split: str
    """Whose file they stand in."""
    as_trained: bool
    """Whether they are shown as training sees them, or as they were read."""
    redact: bool = False
    """Whether training sees them without personal data."""
    long: str = "cut"
    """What becomes of those that are too long: `cut`, `drop` or `split`."""


@dataclass(frozen=True)
class RowText:
    """One row in words."""

    number: int
    head: str
    """Which row it is, in one line."""
    parts: tuple[tuple[str, str], ...] = ()
    """Its text in parts: who says it or whether it is scored, and what stands there."""
    note: str = ""
    """What is to be said below; alone where the row cannot be shown."""


@dataclass(frozen=True)
class NoRow:
    """There is no such row."""

    number: int
    rows: int
    """How many the file has."""
