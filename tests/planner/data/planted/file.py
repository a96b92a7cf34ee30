"""A data file in memory, and one with a fault planted in it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from planner.data.checks.registry import every
from planner.data.checks.report import Report
from planner.data.checks.scan import Chat, scan
from planner.data.reading.formats import Read
from planner.data.rows.rows import Row

WHOLE_FILE = frozenset([-1])
"""The place of a fault that the file has as a whole."""


@dataclass(frozen=True, eq=False)
class File:
    """Rows, and beside what they are looked at."""

    rows: Sequence[Row]
    held_out: Sequence[Row] = ()
    chat: Chat | None = None

    def report(self) -> Report:
        """Look at the rows as `tunelock data` does."""
        held_out = {"held out": _read(self.held_out)} if self.held_out else {}
        return scan(_read(self.rows), every, mapping={}, chat=self.chat, held_out=held_out)


@dataclass(frozen=True)
class Planted:
    """A file without the fault, the same with it, and where it was planted."""

    clean: File
    faulty: File
    at: frozenset[int]
    """Numbers of the rows that have it, or `WHOLE_FILE`."""


Plant = Callable[[File, Random], Planted | None]
"""Plants one fault; None where rows such as these cannot have it."""


def places(
    rows: Sequence[Row], source: Random, fits: Callable[[Row], bool], *, of_each: int = 1
) -> list[int]:
    """Choose so many rows for each place, of those that fit, in their order; none if too few.

    A fault has 2% of the rows as places, at least 8.
    """
    count = of_each * max(8, len(rows) // 50)
    able = [number for number, row in enumerate(rows) if fits(row)]
    return sorted(source.sample(able, count)) if len(able) >= 2 * count else []


def in_some(
    file: File,
    source: Random,
    change: Callable[[Row], Row],
    fits: Callable[[Row], bool] = lambda row: True,
) -> Planted | None:
    """Plant a fault by changing some rows."""
    at = places(file.rows, source, fits)
    if not at:
        return None
    others = {number: change(file.rows[number]) for number in at}
    return Planted(file, changed(file, others), frozenset(at))


def changed(file: File, others: Mapping[int, Row]) -> File:
    """Put other rows into the places of these numbers."""
    rows = [others.get(number, row) for number, row in enumerate(file.rows)]
    return File(rows, file.held_out, file.chat)


def _read(rows: Sequence[Row]) -> Iterator[Read]:
    for number, row in enumerate(rows, 1):
        yield Read(Path("rows.jsonl"), f"line {number}", "messages", row)
