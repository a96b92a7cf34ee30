"""The rows that `tunelock fit` assumes: it knows none, but their lengths decide how a step is
computed, and how fast."""

from functools import lru_cache
from math import exp
from statistics import NormalDist

from planner.search.request import EFFECTIVE_BATCH

ROWS = 256
"""Number of rows, at least: 16 steps of the usual size."""
STEPS = 4
"""Steps that there are rows for, at least."""
MEDIAN = 300 / 2048
"""Median length, as a share of the longest row's: that of chats up to 2,048 tokens."""
SPREAD = 0.75
"""Standard deviation of the lengths' logarithms: that of chats, too."""
SHORTEST = 8


@lru_cache
def lengths(longest: int, step: int = EFFECTIVE_BATCH) -> tuple[int, ...]:
    """Return the tokens of each row of complete steps of `step` rows: log-normal, up to `longest`,
    which one row has."""
    usual, rows = NormalDist(), step * max(STEPS, -(-ROWS // step))
    each = (
        MEDIAN * longest * exp(SPREAD * usual.inv_cdf((row + 0.5) / rows)) for row in range(rows)
    )
    found = [max(SHORTEST, min(longest, round(one))) for one in each]
    return (*found[:-1], longest)
