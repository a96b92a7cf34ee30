"""The report on the data that a session has, or waits for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tui.session.request import DataRequest, Values, data_request

if TYPE_CHECKING:
    from planner.data.checks.finding import Finding
    from planner.data.checks.report import Report


@dataclass(frozen=True)
class Part:
    """The size and format of one split's file."""

    rows: int
    format: str
    """The format of all rows, or `mixed`."""


@dataclass(frozen=True)
class Looked:
    """The result of checking the data files."""

    report: Report | None = None
    """The report on the training rows, with only the first rows of each finding; None if it failed.
    """
    parts: Mapping[str, Part] = field(default_factory=dict)
    """Each split that could be read, including the training rows."""
    problems: Mapping[str, str] = field(default_factory=dict)
    """The problem with a split, or with the `model`, in terms of the questions."""
    first: tuple[tuple[str, str], ...] = ()
    """The first training row: roles and their texts."""

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings, most severe first."""
        return self.report.findings if self.report else ()


class Reports:
    """Keeps reports, and knows whether they still match the answers."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: tuple[DataRequest | None, Looked | None] = (None, None)
        self.rows_read = 0
        """Rows read so far by a running check."""

    def wanted(self, values: Values) -> DataRequest | None:
        """Return what to check now; None if that is done or running.

        An earlier request is forgotten if it differs.
        """
        request = data_request(values, self._folder) if values["data.train"] else None
        if request == self._kept[0]:
            return None
        self._kept, self.rows_read = (request, None), 0
        return request

    def take(self, request: DataRequest, found: Looked | int) -> None:
        """Store a report, or the number of rows so far, if it belongs to the last request."""
        if request != self._kept[0]:
            return
        if isinstance(found, Looked):
            self._kept = (request, found)
        else:
            self.rows_read = found

    def stop(self) -> None:
        """Forget an unfinished check."""
        if not self._kept[1]:
            self._kept, self.rows_read = (None, None), 0

    def looked(self, values: Values) -> Looked | None:
        """Return the report for the current answers; None if there is none yet."""
        request, looked = self._kept
        return looked if request == data_request(values, self._folder) else None

    def part(self, values: Values, split: str) -> Part | None:
        """Return a split's size and format from a report for any model; None if unknown."""
        request, looked = self._kept
        if not (request and looked and request.same_rows(data_request(values, self._folder))):
            return None
        return looked.parts.get(split)
