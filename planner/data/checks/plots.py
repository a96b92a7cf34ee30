"""Figures of a data file as bar charts."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

BARS = 20
"""Approximate number of bars of a histogram."""


@dataclass(frozen=True)
class Bar:
    """One bar of a chart."""

    name: str
    rows: int
    """Its length."""


def histogram(lengths: Sequence[int]) -> tuple[Bar, ...]:
    """Return a histogram of lengths; bin widths are 1, 2 or 5 times a power of ten."""
    if not lengths:
        return ()
    step = _step(max(lengths) - min(lengths) + 1)
    counted = Counter(length // step for length in lengths)
    places = range(min(counted), max(counted) + 1)
    return tuple(
        Bar(f"{place * step:,} to {(place + 1) * step - 1:,}", counted[place]) for place in places
    )


def _step(span: int) -> int:
    """Return the smallest bin width that gives at most about `BARS` bins."""
    step = 1
    while step * BARS < span:
        step = step * 5 // 2 if str(step)[0] == "2" else step * 2
    return step


def repeats(groups: Iterable[int]) -> tuple[Bar, ...]:
    """Return the rows by the size of their group; empty if no row repeats."""
    counted: Counter[str] = Counter()
    for size in groups:
        counted[next(name for most, name in _SAID if size <= most)] += size
    names = [name for _, name in _SAID if counted[name]]
    return tuple(Bar(name, counted[name]) for name in names if names != ["once"])


_SAID = (
    (1, "once"),
    (2, "twice"),
    (4, "3 or 4 times"),
    (10, "5 to 10 times"),
    (100, "11 to 100 times"),
    (float("inf"), "over 100 times"),
)


def bars(counted: Iterable[tuple[str, int]]) -> tuple[Bar, ...]:
    """Return names and row counts as bars, in order."""
    return tuple(Bar(name, rows) for name, rows in counted)
