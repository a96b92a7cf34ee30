"""Rows joined into longer ones, so that little is padded: what an optimizer step reads stays.

The rows of a step are joined among themselves only. So a step learns from the same rows, packed or
not, and the steps, the schedule of the learning rate and the loss stay what they were: packing
saves time and changes nothing else but rounding.
"""

from collections.abc import Iterator, Sequence

Joined = list[int]
"""Numbers of the rows that stand in one."""


def packed(lengths: Sequence[int], capacity: int) -> list[Joined]:
    """Return which rows of some stand together in rows of at most `capacity` tokens.

    First-fit decreasing (Johnson 1973): the longest row first, each into the first that has room;
    equally long ones in their order. `capacity` is at least the longest row's length.
    """
    assert max(lengths, default=0) <= capacity, "a row is longer than what it is packed into"
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
    """Yield what each forward and backward pass of a step reads: `micro_batch` joined rows or,
    in the last one, fewer."""
    every = packed(lengths, capacity)
    for first in range(0, len(every), micro_batch):
        yield every[first : first + micro_batch]
