"""Rows of a validation or test file that the training rows have too."""

from collections.abc import Iterator, Sequence

from planner.data.checks.finding import Finding
from planner.data.near.index import Index
from planner.data.near.likeness import Boilerplate
from planner.data.near.matches import Match, matches
from planner.data.rows.rows import Row

NAMED = 3
"""Rows that the sentence names with their training rows."""


class TrainingRows:
    """What the training rows ask, for held-out rows to be looked up in."""

    def __init__(self) -> None:
        self.index = Index(Boilerplate.asked_by)

    def see(self, number: int, row: Row) -> None:
        """Add the row of this number, from 0; numbers rise by 1."""
        self.index.see(row)

    def findings(self) -> Iterator[Finding]:
        """Find nothing; only held-out rows leak."""
        return iter(())


class Leak:
    """`leak`: held-out rows whose prompt stands in the training rows, to the letter or nearly.

    A warning: training works, but what is measured on such rows was learnt by heart. A prompt
    that tells nothing, or none, is looked up together with its answer.
    """

    def __init__(self, training: TrainingRows) -> None:
        training.index.sign()
        self._training = training.index
        self._held_out = Index(Boilerplate.asked_by, training.index.boilerplate)

    def see(self, number: int, row: Row) -> None:
        """Keep what the held-out row asks."""
        self._held_out.see(row)

    def findings(self) -> Iterator[Finding]:
        """Yield one finding where the training rows have some of these; `rows` are held-out."""
        found = matches(self._held_out, self._training)
        if found:
            same = sum(match.same for match in found)
            stand = "stands" if len(found) == 1 else "stand"
            yield Finding(
                id="leak",
                severity="warning",
                rows=[match.row for match in found],
                said=f"{len(found):,} of {len(self._held_out):,} rows {stand} in the training "
                f"rows too, {same:,} word for word: {_named(found)}.",
                fix="take those rows out of one of the two files",
            )


def _named(found: Sequence[Match]) -> str:
    names = ", ".join(f"row {match.row} as row {match.there} there" for match in found[:NAMED])
    return names + (", and others" if found[NAMED:] else "")
