"""The rows that `tunelock fit` assumes: it knows none, but their lengths decide how a step is
computed, and how fast."""

from functools import lru_cache
from math import exp
from statistics import NormalDist

ROWS = 256
"""Number of rows: 16 steps of the usual size."""
MEDIAN = 300 / 2048
"""Median length, as a share of the longest row's: that of chats up to 2,048 tokens."""
SPREAD = 0.75
"""Standard deviation of the lengths' logarithms: that of chats, too."""
SHORTEST = 8


@lru_cache
def lengths(longest: int) -> tuple[int, ...]:
    """Return the tokens of each row: log-normal, up to `longest`, which one row has."""
    usual = NormalDist()
    each = (
        MEDIAN * longest * exp(SPREAD * usual.inv_cdf((row + 0.5) / ROWS)) for row in range(ROWS)
    )
    found = [max(SHORTEST, min(longest, round(one))) for one in each]
    return (*found[:-1], longest)
