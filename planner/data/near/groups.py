"""Rows that are near one another as groups, each named by its first row."""

from array import array
from collections.abc import Callable, Iterable, Sequence
from itertools import compress

from planner.data.near.index import Index
from planner.data.near.likeness import Boilerplate
from planner.data.rows.rows import Row

TRIES = 8
"""Rows of a band that a row is compared with at most, beside its first; so time stays linear."""
KIN = 4
"""Of them, at most, rows that were like an earlier one; the rest stand for other groups."""


def groups_of(rows: Iterable[Row]) -> Sequence[int]:
    """Return for each row the number of the first row that asks nearly the same, or its own.

    A split that keeps these together has no leak, because that goes by the same. Rows without a
    prompt, or with one that tells nothing, go by their answers too.
    """
    index = Index(Boilerplate.asked_by)
    for row in rows:
        index.see(row)
    return first_of_group(index)


def first_of_group(index: Index, known: Iterable[tuple[int, int]] = ()) -> Sequence[int]:
    """Return for each row the number of its group's first row, its own if it is like no other.

    Groups are connected: the first row and the last may be near only through others between
    them. Pairs of rows that are `known` to be near are not compared.
    """
    groups = _Groups(len(index))
    for one, other in known:
        groups.join(one, other)

    def together(one: int, other: int) -> bool:
        if groups.first(one) == groups.first(other):
            return True
        if index.are_near(one, index, other):
            groups.join(one, other)
            return True
        return False

    columns = index.columns()
    alone = _alone(next(columns), together)
    for column in columns:
        _visit(compress(enumerate(column), alone), together)
    return array("I", map(groups.first, range(len(index))))


def _alone(signatures: Sequence[int], together: Callable[[int, int], bool]) -> bytearray:
    """Join rows with the first of the same signature; return a 1 for each that has no such."""
    firsts: dict[int, int] = {}
    earlier = (firsts.setdefault(number, row) for row, number in enumerate(signatures))
    return bytearray(first == row or not together(first, row) for row, first in enumerate(earlier))


def _visit(rows: Iterable[tuple[int, int]], together: Callable[[int, int], bool]) -> None:
    """Try each row with earlier ones of the same number in this band."""
    firsts: dict[int, int] = {}
    others: dict[int, list[int]] = {}
    for row, number in rows:
        first = firsts.setdefault(number, row)
        if first == row:
            continue
        rest = others.setdefault(number, [])
        kin = [together(other, row) for other in (first, *rest)]
        if len(rest) < (KIN if any(kin) else TRIES):
            rest.append(row)


class _Groups:
    """Disjoint sets of rows, each led by its first row (union-find with path halving)."""

    def __init__(self, rows: int) -> None:
        self._leads_to = array("I", range(rows))

    def first(self, row: int) -> int:
        leads_to = self._leads_to
        while (lead := leads_to[row]) != row:
            leads_to[row] = row = leads_to[lead]
        return row

    def join(self, one: int, other: int) -> None:
        early, late = sorted((self.first(one), self.first(other)))
        self._leads_to[late] = early
