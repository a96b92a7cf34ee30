"""Findings, and the interface of checks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from lockfiles.fixes import Advice, Answer, Fix
from planner.data.rows.rows import Row

Severity = Literal["refused", "warning", "note"]
"""`refused` rows cannot be trained on; a `note` needs no action."""
ORDER: tuple[Severity, ...] = ("refused", "warning", "note")
"""The most severe first."""


@dataclass(frozen=True)
class Finding:
    """One problem of a data file."""

    id: str
    """A stable name, such as `near-duplicates`."""
    severity: Severity
    rows: Sequence[int]
    """The affected rows, by number from 0, ascending; empty if it concerns the file."""
    said: str
    """A description in one sentence, with figures."""
    fix: str
    """What to do about it, as a clause; empty for a note that needs no action."""
    count: int = 0
    """The number of affected rows, if `rows` does not list them all; else 0."""
    answer: Answer | None = None
    """An answer in `run.toml` that fixes it as well."""
    file: str = ""
    """The file that `rows` refers to, if it is not the checked one."""

    @property
    def ways(self) -> tuple[Fix, ...]:
        """Alternative fixes; empty where no action is needed."""
        clause = (Advice(self.fix),) if self.fix else ()
        return (self.answer, *clause) if self.answer else clause

    @property
    def rows_found(self) -> int:
        """The number of affected rows."""
        return self.count or len(self.rows)


class Check(Protocol):
    """Sees the rows of a file one by one and keeps little of each."""

    def see(self, number: int, row: Row) -> None:
        """Look at the row with this number; numbers start at 0 and are consecutive."""

    def findings(self) -> Iterator[Finding]:
        """Yield the findings, after every row was seen."""
