"""Checks for held-out rows that are also in the training data."""

from collections.abc import Callable, Iterator, Sequence

from planner.data.checks.finding import Finding
from planner.data.near.index import Index
from planner.data.near.likeness import Boilerplate
from planner.data.near.matches import Match, matches
from planner.data.rows.rows import Row

NAMED = 3
"""Number of rows that the finding names."""


class TrainingRows:
    """An index of the prompts of training rows, to look up held-out rows."""

    def __init__(self) -> None:
        self.index = Index(Boilerplate.asked_by)

    def see(self, number: int, row: Row) -> None:
        """Add the row with this number; numbers start at 0 and are consecutive."""
        self.index.see(row)

    def findings(self) -> Iterator[Finding]:
        """Yield nothing: only held-out rows leak."""
        return iter(())


class Leak:
    """`leak`: a warning for held-out rows whose prompt is in the training rows, exactly or nearly.

    Training works, but an evaluation on such rows measures memorization. A prompt that is missing
    or shared by many rows is compared together with its answer.
    """

    def __init__(
        self,
        training: TrainingRows,
        training_number: Callable[[int], int] = int,
        number: Callable[[int], int] = int,
    ) -> None:
        """`training_number` and `number` return a row's number in its file, for its sentence."""
        training.index.sign()
        self._number = number
        self._training_number = training_number
        self._training = training.index
        self._held_out = Index(Boilerplate.asked_by, training.index.boilerplate)

    def see(self, number: int, row: Row) -> None:
        """Add a held-out row."""
        self._held_out.see(row)

    def findings(self) -> Iterator[Finding]:
        """Yield one finding if held-out rows are in the training rows; `rows` are held-out ones."""
        found = matches(self._held_out, self._training)
        if found:
            same = sum(match.same for match in found)
            are = "is" if len(found) == 1 else "are"
            yield Finding(
                id="leak",
                severity="warning",
                rows=[match.row for match in found],
                said=f"{len(found):,} of {len(self._held_out):,} rows {are} also in the training "
                f"rows, {same:,} word for word: {self._named(found)}.",
                fix="remove those rows from one of the two files",
            )

    def _named(self, found: Sequence[Match]) -> str:
        names = ", ".join(
            f"row {self._number(match.row)} (training row {self._training_number(match.there)})"
            for match in found[:NAMED]
        )
        return names + (", and others" if found[NAMED:] else "")
