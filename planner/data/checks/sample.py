"""An evenly spread sample of a stream of unknown length."""

from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")
_RANGE = 2**32
_GOLDEN = 2654435769
"""The range divided by the golden ratio: its multiples fill the range evenly, and the sampled rows
do not follow patterns in the file, such as two alternating languages."""


class EvenSample(Generic[T]):
    """Keeps a value for every row at first, later for a half, a quarter and so on.

    It holds at most `size` values, and at least about half as many once the stream is longer. Which
    rows are sampled depends only on their number.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._part = _RANGE
        self._held: list[tuple[int, T]] = []

    def wants(self, number: int) -> bool:
        """Return whether the row with this number (from 0) is currently part of the sample."""
        return number * _GOLDEN % _RANGE < self._part

    def add(self, number: int, thing: T) -> None:
        """Keep a value for a wanted row."""
        self._held.append((number, thing))
        if len(self._held) > self._size:
            self._part //= 2
            self._held = [kept for kept in self._held if self.wants(kept[0])]

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[tuple[int, T]]:
        """Yield row numbers and values, in order."""
        return iter(self._held)
