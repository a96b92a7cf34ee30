"""Lays out the rows of an optimizer step in passes, concatenated without padding.

A pass is one forward and backward computation. The order of the rows is known before a run starts,
so every pass of it is, too: a plan counts memory and time of the passes that will really occur.
"""

from collections.abc import Iterator, Sequence
from heapq import heapreplace

Pass = tuple[int, ...]
"""The indices of a pass's rows within their step, in the step's order."""
EVALUATED_PASSES = 8
"""About as many passes are laid out at a time for an evaluation; one of them may not be full."""


def passes(lengths: Sequence[int], most_tokens: int, ranks: int = 1) -> tuple[Pass, ...]:
    """Return the passes of a step with rows of these lengths: as few as `most_tokens` allows, with
    about the same number of tokens each.

    Longest rows first, each into the pass with the fewest tokens (Graham 1969); ties go to the
    earlier row and the earlier pass. `most_tokens` must be at least the longest length.

    With several `ranks` their number is a multiple of these, and they come in turns of one for each
    rank: passes of about the same size, which are computed at the same time. A step with fewer rows
    than ranks has passes without rows.
    """
    assert max(lengths, default=0) <= most_tokens, "a row is longer than a pass"
    count = max(1, -(-sum(lengths) // (most_tokens * ranks))) * ranks
    while (found := _shared(lengths, count, most_tokens)) is None:
        count += ranks
    return found if ranks == 1 else _in_turns(found, lengths, ranks)


def of_rank(step: Sequence[Pass], rank: int, ranks: int) -> tuple[Pass, ...]:
    """Return the passes of a rank, one for each turn."""
    return tuple(step[rank::ranks])


def _in_turns(step: Sequence[Pass], lengths: Sequence[int], ranks: int) -> tuple[Pass, ...]:
    """Return passes by their tokens, the most first, every second turn in reverse order: so that no
    rank has the largest pass of each turn."""
    ordered = sorted(step, key=lambda one: -sum(lengths[row] for row in one))
    turns = [ordered[at : at + ranks] for at in range(0, len(ordered), ranks)]
    return tuple(
        one for number, turn in enumerate(turns) for one in (turn[::-1] if number % 2 else turn)
    )


def _shared(lengths: Sequence[int], count: int, most_tokens: int) -> tuple[Pass, ...] | None:
    """Return the rows in `count` passes; None if one of them has more tokens than allowed."""
    found: list[list[int]] = [[] for _ in range(count)]
    fewest = [(0, place) for place in range(count)]  # a heap: of the fewest tokens the first pass
    for row in sorted(range(len(lengths)), key=lambda row: -lengths[row]):
        tokens, place = fewest[0]
        tokens += lengths[row]
        if tokens > most_tokens:
            return None
        found[place].append(row)
        heapreplace(fewest, (tokens, place))
    return tuple(tuple(sorted(rows)) for rows in found)


def evaluated_rows(lengths: Sequence[int], most_tokens: int) -> int:
    """Return how many rows of an evaluation, with rows of these lengths, are laid out in passes at
    a time."""
    return max(1, EVALUATED_PASSES * most_tokens * len(lengths) // sum(lengths))


def size_of(tokens: int, sizes: Sequence[int]) -> int:
    """Return the size that a pass of so many tokens is filled up to: the least of ascending `sizes`
    that holds it, or its own tokens where there are none."""
    return next(size for size in (*sizes, tokens) if size >= tokens)


def steps(
    lengths: Sequence[int], order: Sequence[int], rows: int, most_tokens: int, ranks: int = 1
) -> Iterator[tuple[Pass, ...]]:
    """Yield the passes of each step of an epoch, as row numbers.

    `lengths` has the tokens of every row, `order` the row numbers in the order of the epoch, and
    `rows` is the number of rows of a step, those of all ranks.
    """
    for first in range(0, len(order), rows):
        step = order[first : first + rows]
        laid = passes([lengths[row] for row in step], most_tokens, ranks)
        yield tuple(tuple(step[at] for at in one) for one in laid)
