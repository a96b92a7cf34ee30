"""An index of rows for finding near duplicates in linear time."""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

from planner.data.near.likeness import Boilerplate, are_near
from planner.data.near.shingles import Sides, sides
from planner.data.near.signatures import Signatures
from planner.data.near.store import Store
from planner.data.rows.rows import Row

BATCH = 1024
"""Rows whose signatures are computed together."""
_READ = 1024
"""Rows whose shingles are cached in memory (a few megabytes)."""


class Index:
    """The signatures of rows, at 200 bytes of memory each, and their shingles on disk.

    All rows must be added before any are compared.
    """

    def __init__(
        self,
        telling: Callable[[Boilerplate, Sides], Sides] = Boilerplate.told_apart_by,
        boilerplate: Boilerplate | None = None,
    ) -> None:
        """Compare rows by their `telling` shingles; `boilerplate` can be shared between indexes."""
        self.boilerplate = shared = boilerplate or Boilerplate()
        self._telling = telling
        self._batch: list[Sides] = []
        self._signatures = Signatures()
        self._store = store = Store()
        self._sides = lru_cache(_READ)(lambda number: telling(shared, store[number]))

    def see(self, row: Row) -> None:
        """Add a row; its number is the number of rows before it."""
        self._batch.append(sides(row))
        if len(self._batch) == BATCH:
            self.sign()

    def sign(self) -> None:
        """Process the rows of an incomplete batch, which also updates the boilerplate."""
        if self._batch:
            self.boilerplate.learn(self._batch)
            self._signatures.add([self._telling(self.boilerplate, one) for one in self._batch])
            self._store.add(self._batch)
            self._batch.clear()

    def __len__(self) -> int:
        return len(self._signatures) + len(self._batch)

    def columns(self) -> Iterator[Sequence[int]]:
        """Yield columns with one number per row: rows with equal numbers may be similar."""
        self.sign()
        return self._signatures.columns()

    def are_near(self, one: int, other: "Index", of_other: int) -> bool:
        """Return whether a row is a near duplicate of a row in the same or another index."""
        return self._signatures.may_be_near(one, other._signatures, of_other) and are_near(
            self._sides(one), other._sides(of_other)
        )

    def are_same(self, one: int, other: "Index", of_other: int) -> bool:
        """Return whether two rows have equal shingles: they differ only in case or punctuation."""
        return self._sides(one) == other._sides(of_other)
