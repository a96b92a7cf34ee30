"""The finding on rows that cannot be read."""

from collections.abc import Iterator

from planner.data.checks.finding import Finding
from planner.data.checks.wording import several
from planner.data.reading.bad_rows import MOST_BAD_ROWS, BadRows

_MANY = f" More than {MOST_BAD_ROWS:.0%} of a file is left out only if `data.bad_rows` allows it."


def cannot_be_read(bad: BadRows, read: int) -> str:
    """Return how many rows cannot be read and why, as a sentence; `read` is how many can be."""
    rows = f"{len(bad):,} of {several(len(bad) + read, 'row')}"
    return f"{rows} cannot be read: {bad.reasons}."


def findings(bad: BadRows, read: int) -> Iterator[Finding]:
    """Yield one finding if there are bad rows; `read` is the number of other rows."""
    if bad:
        many = len(bad) > MOST_BAD_ROWS * (len(bad) + read)
        yield Finding(
            id="bad-rows",
            severity="refused",
            rows=bad.numbers,
            said=cannot_be_read(bad, read) + (_MANY if many else ""),
            fix="correct those rows",
        )
