"""Groups near-duplicate rows; each group is identified by its first row."""

from array import array
from collections.abc import Callable, Iterable, Sequence
from itertools import compress

from planner.data.near.index import Index
from planner.data.near.likeness import Boilerplate
from planner.data.rows.rows import Row

TRIES = 8
"""Most rows of a band that a row is compared with, besides the first; keeps time linear."""
KIN = 4
"""Most of those that may be similar to an earlier row; the rest represent other groups."""


def groups_of(rows: Iterable[Row]) -> Sequence[int]:
    """Return for each row the number of the first row with nearly the same prompt, or its own.

    A split that keeps these groups together has no leak, since both use the same rule. For rows
    without a distinctive prompt, answers are compared too.
    """
    index = Index(Boilerplate.asked_by)
    for row in rows:
        index.see(row)
    return first_of_group(index)


def first_of_group(index: Index, known: Iterable[tuple[int, int]] = ()) -> Sequence[int]:
    """Return for each row the number of its group's first row, or its own if it is unique.

    Groups are connected components: two of their rows may be similar only through others. Pairs of
    rows that are `known` to be similar are not compared.
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
    """Join rows with the first of equal signature; return 1 for each row that was not joined."""
    firsts: dict[int, int] = {}
    earlier = (firsts.setdefault(number, row) for row, number in enumerate(signatures))
    return bytearray(first == row or not together(first, row) for row, first in enumerate(earlier))


def _visit(rows: Iterable[tuple[int, int]], together: Callable[[int, int], bool]) -> None:
    """Compare each row with earlier rows of the same band value."""
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
    """Disjoint sets of rows, identified by their first row (union-find with path halving)."""

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
