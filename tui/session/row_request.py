"""Rows of a data file, as the screen requests and receives them, one by one."""

from dataclasses import dataclass

from tui.session.request import DataRequest


@dataclass(frozen=True)
class Opening:
    """The file of the requested rows, and how to show them; rows are numbered from 0."""

    request: DataRequest
    """The answers that affect how they are read."""
    split: str
    """The split of their file."""
    as_trained: bool
    """Whether to show them as training sees them, or as read."""
    redact: bool = False
    """Whether personal data is redacted for training."""
    long: str = "cut"
    """What happens to rows that are too long: `cut`, `drop` or `split`."""


@dataclass(frozen=True)
class RowText:
    """One row as text."""

    number: int
    head: str
    """A line that identifies the row."""
    parts: tuple[tuple[str, str], ...] = ()
    """Its text in parts: the role or whether it is scored, and the text."""
    note: str = ""
    """A note below the text; the only text if the row cannot be shown."""


@dataclass(frozen=True)
class NoRow:
    """There is no such row."""

    number: int
    rows: int
    """The number of rows in the file."""
