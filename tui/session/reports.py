"""The report on the data that a visit has, or waits for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tui.session.request import Asked, Values, ask

if TYPE_CHECKING:
    from planner.data.checks.finding import Finding
    from planner.data.checks.report import Report


@dataclass(frozen=True)
class Part:
    """What one split's file is."""

    rows: int
    format: str
    """The format of all rows, or `mixed`."""


@dataclass(frozen=True)
class Looked:
    """The data files, looked through."""

    report: Report | None = None
    """On the training rows, its findings with their first rows alone; None where it failed."""
    parts: Mapping[str, Part] = field(default_factory=dict)
    """Each split that could be read, the training rows among them."""
    problems: Mapping[str, str] = field(default_factory=dict)
    """What is wrong with a split, or with the `model`, in the words of the questions."""
    first: tuple[tuple[str, str], ...] = ()
    """The first training row: who speaks and what is said."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The gravest first."""
        return self.report.findings if self.report else ()


class Reports:
    """Knows what was looked through, and whether that is still what the answers ask."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: tuple[Asked | None, Looked | None] = (None, None)
        self.seen = 0
        """Rows that a look that goes on has seen so far."""

    def wanted(self, values: Values) -> Asked | None:
        """Return what to look through now; None where that is done or goes on.

        What was asked before is forgotten where it differs.
        """
        asked = ask(values, self._folder) if values["data.train"] else None
        if asked == self._kept[0]:
            return None
        self._kept, self.seen = (asked, None), 0
        return asked

    def take(self, asked: Asked, found: Looked | int) -> None:
        """Keep a report, or how many rows were seen, if it is what was asked last."""
        if asked != self._kept[0]:
            return
        if isinstance(found, Looked):
            self._kept = (asked, found)
        else:
            self.seen = found

    def stop(self) -> None:
        """Forget a look that was not finished."""
        if not self._kept[1]:
            self._kept, self.seen = (None, None), 0

    def looked(self, values: Values) -> Looked | None:
        """Return the report on what the answers ask now; None where there is none yet."""
        asked, looked = self._kept
        return looked if asked == ask(values, self._folder) else None

    def part(self, values: Values, split: str) -> Part | None:
        """Return what a split's file is, where a report tells; whatever model it was for."""
        asked, looked = self._kept
        if not (asked and looked and asked.same_rows(ask(values, self._folder))):
            return None
        return looked.parts.get(split)
