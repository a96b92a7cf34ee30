"""Some rows of a stream of unknown length, evenly spread over it."""

from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")
_RANGE = 2**32
_GOLDEN = 2654435769
"""The range divided by the golden ratio: its multiples fill the range evenly, and rows that they
pick follow no pattern of the file, such as two languages in turn."""


class EvenSample(Generic[T]):
    """Keeps what was made of all rows, later of half of them, a quarter and so on.

    It holds at most `size`, and about half of that or more once the stream is longer. Which rows
    it holds depends on their count only.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._part = _RANGE
        self._held: list[tuple[int, T]] = []

    def wants(self, number: int) -> bool:
        """Whether the row of this number, from 0, is one of the sample as it now stands."""
        return number * _GOLDEN % _RANGE < self._part

    def add(self, number: int, thing: T) -> None:
        """Keep what was made of a wanted row."""
        self._held.append((number, thing))
        if len(self._held) > self._size:
            self._part //= 2
            self._held = [kept for kept in self._held if self.wants(kept[0])]

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[tuple[int, T]]:
        """Yield the numbers and what was kept, in order."""
        return iter(self._held)
