"""Checks whether a file has enough rows to learn from."""

from collections.abc import Iterator

from planner.data.checks.finding import Finding, Severity
from planner.data.checks.wording import several
from planner.data.rows.rows import Row

REFUSED_UNDER, WARNED_UNDER, NOTED_UNDER = 100, 500, 1000
"""Rows, by the fine-tuning guide: at least 500, preferably 1,000 or more."""


class TooFew:
    """`too-few`: refused below 100 rows, a warning below 500, a note below 1,000."""

    def __init__(self) -> None:
        self._seen = 0

    def see(self, number: int, row: Row) -> None:
        """Count the row."""
        self._seen = number + 1

    def findings(self) -> Iterator[Finding]:
        """Yield one finding where the rows are too few."""
        severity = _severity(self._seen)
        if severity:
            yield Finding(
                id="too-few",
                severity=severity,
                rows=(),
                said=f"The file has {several(self._seen, 'row')}; use at least "
                f"{WARNED_UNDER} for fine-tuning, preferably {NOTED_UNDER:,} or more.",
                fix="add rows",
            )


def _severity(seen: int) -> Severity | None:
    if seen < REFUSED_UNDER:
        return "refused"
    if seen < WARNED_UNDER:
        return "warning"
    return "note" if seen < NOTED_UNDER else None
