"""Row numbers, grouped by a key."""

from array import array
from collections.abc import Sequence
from typing import Generic, TypeVar

K = TypeVar("K")


class Groups(Generic[K]):
    """The row numbers of each key, at 4 bytes per row."""

    def __init__(self) -> None:
        self._rows: dict[K, array[int]] = {}

    def add(self, key: K, number: int) -> None:
        """Add a row to a key; row numbers must ascend."""
        rows = self._rows.get(key)
        if rows is None:
            rows = self._rows[key] = array("I")
        rows.append(number)

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, key: K) -> bool:
        return key in self._rows

    def sizes(self) -> list[tuple[K, int]]:
        """Return each key with its number of rows, largest first; ties keep their order."""
        return sorted(((key, len(rows)) for key, rows in self._rows.items()), key=lambda x: -x[1])

    def rows(self, *keys: K) -> Sequence[int]:
        """Return the numbers of the rows of these keys, ascending."""
        return array("I", sorted(n for key in keys for n in self._rows.get(key, ())))

    def others(self) -> Sequence[int]:
        """Return the numbers of all rows outside the largest group, ascending."""
        return self.rows(*[key for key, _ in self.sizes()[1:]])
