"""Checks for exact and near duplicates of earlier rows."""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from planner.data.checks.finding import Finding
from planner.data.checks.wording import several
from planner.data.near.folding import digest
from planner.data.near.groups import first_of_group
from planner.data.near.index import Index
from planner.data.rows.rows import Row


class Duplicates:
    """`exact-duplicates` and `near-duplicates`: warnings for all but the first row of a group.

    Exact copies are equal in everything that training uses, except white space and Unicode form.
    Near duplicates are defined by `planner.data.near.likeness` and exclude exact copies. Together,
    both findings name every row of a group but the first.
    """

    def __init__(self) -> None:
        self._digests = array("Q")
        self._group: Sequence[int] = ()
        self._index = Index()

    def see(self, number: int, row: Row) -> None:
        """Keep a digest of the row and its shingles."""
        self._digests.append(digest(_whole(row)))
        self._index.see(row)

    def findings(self) -> Iterator[Finding]:
        """Yield one finding for exact copies and one for near duplicates."""
        same = _first_same(self._digests)
        copies = array("I", (row for row, first in enumerate(same) if row != first))
        if copies:
            copied = len({same[row] for row in copies})
            yield Finding(
                id="exact-duplicates",
                severity="warning",
                rows=copies,
                said=f"{_rows(len(copies), len(same), 'is a copy', 'are copies')} of "
                f"{several(copied, 'earlier row')}.",
                fix="remove the copies, keeping the first of each",
            )
        self._group = group = first_of_group(self._index, ((row, same[row]) for row in copies))
        later = (row for row, first in enumerate(group) if row != first)
        near = array("I", (row for row in later if row == same[row]))
        if near:
            told = len({group[row] for row in near})
            yield Finding(
                id="near-duplicates",
                severity="warning",
                rows=near,
                said=f"{_rows(len(near), len(same), 'nearly repeats', 'nearly repeat')} "
                f"{several(told, 'earlier row')}.",
                fix="remove those rows, keeping the first of each group",
            )

    def groups(self) -> Iterable[int]:
        """Return the size of each group of near duplicates; call `findings` first."""
        return Counter(self._group).values()


def _rows(found: int, seen: int, one: str, more: str) -> str:
    return f"{found:,} of {seen:,} rows {one if found == 1 else more}"


def _first_same(digests: Sequence[int]) -> Sequence[int]:
    """Return for each row the number of the first row with the same digest."""
    firsts: dict[int, int] = {}
    return array("I", (firsts.setdefault(one, row) for row, one in enumerate(digests)))


def _whole(row: Row) -> Iterator[str]:
    """Yield everything that training uses of a row."""
    yield f"{row.liked}"
    yield row.tools
    for turns in (row.messages, row.rejected):
        yield f"{len(turns)}"
        for turn in turns:
            yield turn.role if turn.scored else f"{turn.role}, unscored"
            yield turn.content
            yield turn.more
