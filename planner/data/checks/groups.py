"""Row numbers by what the rows have in common."""

from array import array
from collections.abc import Sequence
from typing import Generic, TypeVar

K = TypeVar("K")


class Groups(Generic[K]):
    """The numbers of the rows of each key, 4 bytes a row."""

    def __init__(self) -> None:
        self._rows: dict[K, array[int]] = {}

    def add(self, key: K, number: int) -> None:
        """Put the row of this number under a key; numbers rise."""
        rows = self._rows.get(key)
        if rows is None:
            rows = self._rows[key] = array("I")
        rows.append(number)

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, key: K) -> bool:
        return key in self._rows

    def sizes(self) -> list[tuple[K, int]]:
        """Return each key with its rows' count, the largest first, equal ones as they came."""
        return sorted(((key, len(rows)) for key, rows in self._rows.items()), key=lambda x: -x[1])

    def rows(self, *keys: K) -> Sequence[int]:
        """Return the numbers of the rows of these keys, ascending."""
        return array("I", sorted(n for key in keys for n in self._rows.get(key, ())))

    def others(self) -> Sequence[int]:
        """Return the numbers of all rows but those of the largest group, ascending."""
        return self.rows(*[key for key, _ in self.sizes()[1:]])
