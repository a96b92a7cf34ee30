"""Rows as they come, kept so that those near one another are found in linear time."""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache

from planner.data.near.likeness import Boilerplate, are_near
from planner.data.near.shingles import Sides, sides
from planner.data.near.signatures import Signatures
from planner.data.near.store import Store
from planner.data.rows.rows import Row

BATCH = 1024
"""Rows that are signed together."""
_READ = 1024
"""Rows whose shingles stay in memory once they were read, some megabytes."""


class Index:
    """The signatures of rows, 200 bytes of memory each, and their shingles on disk.

    All rows are seen before the first two are compared.
    """

    def __init__(
        self,
        telling: Callable[[Boilerplate, Sides], Sides] = Boilerplate.told_apart_by,
        boilerplate: Boilerplate | None = None,
    ) -> None:
        """Compare rows by their `telling` shingles; `boilerplate` is another index's to share."""
        self.boilerplate = shared = boilerplate or Boilerplate()
        self._telling = telling
        self._batch: list[Sides] = []
        self._signatures = Signatures()
        self._store = store = Store()
        self._sides = lru_cache(_READ)(lambda number: telling(shared, store[number]))

    def see(self, row: Row) -> None:
        """Add a row; its number is that of the rows before it."""
        self._batch.append(sides(row))
        if len(self._batch) == BATCH:
            self.sign()

    def sign(self) -> None:
        """Take in the rows of a batch that is not full; boilerplate is known better then."""
        if self._batch:
            self.boilerplate.learn(self._batch)
            self._signatures.add([self._telling(self.boilerplate, one) for one in self._batch])
            self._store.add(self._batch)
            self._batch.clear()

    def __len__(self) -> int:
        return len(self._signatures) + len(self._batch)

    def columns(self) -> Iterator[Sequence[int]]:
        """Yield one number for each row, several times: rows with the same may be near."""
        self.sign()
        return self._signatures.columns()

    def are_near(self, one: int, other: "Index", of_other: int) -> bool:
        """Whether a row says nearly the same as another index's row, or one of this index."""
        return self._signatures.may_be_near(one, other._signatures, of_other) and are_near(
            self._sides(one), other._sides(of_other)
        )

    def are_same(self, one: int, other: "Index", of_other: int) -> bool:
        """Whether they have the same shingles, so differ in case and punctuation at most."""
        return self._sides(one) == other._sides(of_other)
