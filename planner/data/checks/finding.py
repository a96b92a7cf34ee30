"""What a check of the rows finds, and what every check is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from lockfiles.fixes import Advice, Answer, Fix
from planner.data.rows.rows import Row

Severity = Literal["refused", "warning", "note"]
"""`refused` rows are not trained on without an override; a `note` asks nothing of a person."""
ORDER: tuple[Severity, ...] = ("refused", "warning", "note")
"""The gravest first."""


@dataclass(frozen=True)
class Finding:
    """One fault of a data file."""

    id: str
    """Its name for programs, such as `near-duplicates`."""
    severity: Severity
    rows: Sequence[int]
    """Numbers of the rows that have it, from 0, ascending; empty where it is the file's."""
    said: str
    """What it is, as one sentence with its figures."""
    fix: str
    """What to do about it, as a clause; empty for a note that asks nothing."""
    count: int = 0
    """Rows that have it, where they are more than `rows` names or none; else 0."""
    answer: Answer | None = None
    """An answer in `run.toml` that will do as well as `fix`."""
    file: str = ""
    """The file whose rows `rows` counts, where it is not the one that was checked."""

    @property
    def ways(self) -> tuple[Fix, ...]:
        """What to do about it: each of them will do, and none where it asks nothing."""
        clause = (Advice(self.fix),) if self.fix else ()
        return (self.answer, *clause) if self.answer else clause

    @property
    def rows_found(self) -> int:
        """How many rows have it."""
        return self.count or len(self.rows)


class Check(Protocol):
    """Looks at the rows of a file one after another, and keeps little of each."""

    def see(self, number: int, row: Row) -> None:
        """Look at the row of this number, from 0; numbers rise by 1."""

    def findings(self) -> Iterator[Finding]:
        """Yield what was found, once every row was seen."""
