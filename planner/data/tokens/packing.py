"""Packing: joins the rows of an optimizer step into longer rows, so that there is little padding.

Only rows of the same step are packed together. A step uses the same rows with and without packing,
so the number of steps, the learning-rate schedule and the loss do not change: packing saves time
and affects only rounding.
"""

from collections.abc import Iterator, Sequence

Joined = list[int]
"""The indices of the rows in one packed row."""


def packed(lengths: Sequence[int], capacity: int) -> list[Joined]:
    """Return how to pack rows of these lengths into rows of at most `capacity` tokens.

    First-fit decreasing (Johnson 1973): longest rows first, each into the first packed row with
    room; ties keep their order. `capacity` must be at least the longest length.
    """
    assert max(lengths, default=0) <= capacity, "a row is longer than the capacity"
    found: list[Joined] = []
    free: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        place = next((at for at, left in enumerate(free) if left >= lengths[row]), len(free))
        if place == len(free):
            found.append([])
            free.append(capacity)
        found[place].append(row)
        free[place] -= lengths[row]
    return found


def passes(lengths: Sequence[int], capacity: int, micro_batch: int) -> Iterator[list[Joined]]:
    """Yield the packed rows of each forward and backward pass of a step: `micro_batch` rows, or
    fewer in the last pass."""
    every = packed(lengths, capacity)
    for first in range(0, len(every), micro_batch):
        yield every[first : first + micro_batch]
