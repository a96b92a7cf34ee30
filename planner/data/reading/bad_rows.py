"""The rows of a file that cannot be read: which they are, and why."""

from array import array
from bisect import bisect_right
from typing import NamedTuple

from planner.data.files.raw import BadRow

MOST_BAD_ROWS = 0.05
"""Default share of a file's rows up to which bad ones may be dropped."""
_REASONS = 3
"""Different reasons that are kept, each with its first row."""


class Unread(NamedTuple):
    """A row that cannot be read."""

    number: int
    """The number of the row in the file or folder, from 0."""
    problem: BadRow


class BadRows:
    """Keeps the numbers of bad rows, and the first few different reasons."""

    def __init__(self) -> None:
        self.numbers = array("Q")
        """The numbers of the bad rows, ascending, from 0."""
        self._reasons: dict[str, BadRow] = {}
        self._more = False
        self._before = array("Q")

    def add(self, row: Unread) -> None:
        """Keep a row; rows come in the order of the file."""
        self._before.append(row.number - len(self.numbers))
        self.numbers.append(row.number)
        known = row.problem.what in self._reasons
        if not known and len(self._reasons) < _REASONS:
            self._reasons[row.problem.what] = row.problem
        elif not known:
            self._more = True

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def problems(self) -> tuple[BadRow, ...]:
        """The first row of each of the first few reasons."""
        return tuple(self._reasons.values())

    @property
    def reasons(self) -> str:
        """The first few reasons for a sentence, each with the place of its first row."""
        several = len(self.numbers) > len(self._reasons)
        said = "; ".join(f"{one.place} {one.what}" for one in self.problems)
        return f"{said}; and others" if self._more or several else said

    def number(self, place: int) -> int:
        """Return the number in the file of the good row at a position among the good ones."""
        return place + bisect_right(self._before, place)
