"""The few sizes that passes are filled up to where a pass of each size is recorded."""

from collections import Counter
from collections.abc import Sequence
from itertools import accumulate

from lockfiles import limits

STEP = limits.GRAPH_STEP
BINS = 256
"""Sizes are chosen among at most so many, so that choosing takes a fraction of a second."""


def sizes(tokens: Sequence[int], count: int) -> tuple[int, ...]:
    """Return at most `count` ascending sizes for passes of so many tokens each, with the least
    blank tokens in total.

    Exact among multiples of the finest step that gives at most `BINS` of them: each set of
    neighbors is filled up to its greatest (as in one-dimensional k-medians). Passes without rows,
    of which a step with fewer rows than processes has some, get no size of their own.
    """
    tokens = [one for one in tokens if one]
    widest = max(tokens)
    step = STEP * max(1, -(-(widest - min(tokens)) // (STEP * BINS)))
    most = -(-widest // STEP) * STEP
    filled = Counter(min(most, -(-one // step) * step) for one in tokens)
    bins = sorted(filled)
    counts = list(accumulate((filled[one] for one in bins), initial=0))
    best = [0.0] + [float("inf")] * len(bins)
    ends: list[list[int]] = []
    for _ in range(min(count, len(bins))):
        best, chosen = _one_more(best, bins, counts)
        ends.append(chosen)
    found, last = [], len(bins)
    for chosen in reversed(ends):
        found.append(bins[last - 1])
        last = chosen[last]
        if not last:
            break
    return tuple(sorted(found))


def _one_more(
    best: Sequence[float], bins: Sequence[int], counts: Sequence[int]
) -> tuple[list[float], list[int]]:
    """Return the least cost of the first bins with one size more, and where its set begins."""
    found, chosen = [0.0], [0]
    for last in range(1, len(bins) + 1):
        costs = [
            best[first] + bins[last - 1] * (counts[last] - counts[first]) for first in range(last)
        ]
        least = min(costs)
        found.append(least)
        chosen.append(costs.index(least))
    return found, chosen
