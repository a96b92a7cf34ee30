"""Drops and redacts rows by their content, before they are tokenized."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

from planner.data.checks.answers import Empty, OneWord
from planner.data.checks.conflicts import ConflictingAnswers
from planner.data.checks.cut_off import Truncated
from planner.data.checks.duplicates import Duplicates
from planner.data.checks.encoding import Encoding
from planner.data.checks.finding import Check
from planner.data.checks.languages import Languages
from planner.data.checks.leak import Leak, TrainingRows
from planner.data.checks.markup import Markup, TemplateTokens
from planner.data.checks.personal import PersonalData
from planner.data.checks.role_order import RoleOrder
from planner.data.mend.steps import CHECKED, Mending, StepName
from planner.data.personal.rows import redacted_row
from planner.data.rows.rows import Row

_CHECKS: dict[str, Callable[[int], Check]] = {
    "empty": lambda rows: Empty(),
    "one-word": lambda rows: OneWord(),
    "role-order": lambda rows: RoleOrder(),
    "encoding": lambda rows: Encoding(),
    "markup": lambda rows: Markup(),
    "template-tokens": lambda rows: TemplateTokens(),
    "truncated": lambda rows: Truncated(),
    "languages": Languages,
    "conflicting-answers": lambda rows: ConflictingAnswers(),
    "personal-data": lambda rows: PersonalData(),
}


@dataclass(frozen=True)
class Kept:
    """The remaining rows of a file, with their numbers in it."""

    rows: tuple[Row, ...]
    numbers: tuple[int, ...]
    """The number of each row in its file, from 0."""

    def without(self, places: Collection[int]) -> "Kept":
        """Return the rows without those at some positions, from 0."""
        left = [place for place in range(len(self.rows)) if place not in places]
        return Kept(
            tuple(self.rows[place] for place in left), tuple(self.numbers[place] for place in left)
        )


def mended(found: Kept, wanted: Mending) -> tuple[Kept, Sequence[tuple[StepName, str, int]]]:
    """Return the remaining rows of a file, and each step with its finding and number of rows.

    `found` are its readable rows. Rows are dropped first, then redacted, then deduplicated.
    """
    rows, kept, steps = found.rows, found, list[tuple[StepName, str, int]]()
    gone: set[int] = set()
    for what, places in _faults(rows, [what for what in CHECKED if what in wanted.drop]).items():
        steps.append(("drop", what, len(places - gone)))
        gone |= places
    kept = kept.without(gone)
    if wanted.redact:
        clean = tuple(map(redacted_row, kept.rows))
        changed = sum(one != other for one, other in zip(clean, kept.rows, strict=True))
        steps.append(("redact", "personal-data", changed))
        kept = Kept(clean, kept.numbers)
    if wanted.dedupe != "off":
        same = _duplicates(kept.rows, near=wanted.dedupe == "near")
        steps += [("dedupe", what, len(places)) for what, places in same.items()]
        kept = kept.without(set().union(*same.values()))
    return kept, steps


def unleaked(train: Kept, held_out: Sequence[Sequence[Row]]) -> Kept:
    """Return the training rows without those whose prompt is also in held-out rows."""
    known = TrainingRows()
    for number, row in enumerate(row for rows in held_out for row in rows):
        known.see(number, row)
    leak = Leak(known)
    for number, row in enumerate(train.rows):
        leak.see(number, row)
    return train.without({row for found in leak.findings() for row in found.rows})


def _faults(rows: Sequence[Row], names: Sequence[str]) -> dict[str, set[int]]:
    """Return the positions of the rows that each check finds."""
    checks = {name: _CHECKS[name](max(1, len(rows))) for name in names}
    for number, row in enumerate(rows):
        for check in checks.values():
            check.see(number, row)
    return {name: set(_rows(check)) for name, check in checks.items()}


def _duplicates(rows: Sequence[Row], *, near: bool) -> dict[str, set[int]]:
    check = Duplicates()
    for number, row in enumerate(rows):
        check.see(number, row)
    found = {finding.id: set(finding.rows) for finding in check.findings()}
    names = ("exact-duplicates", "near-duplicates") if near else ("exact-duplicates",)
    return {name: found.get(name, set()) for name in names}


def _rows(check: Check) -> Iterator[int]:
    for finding in check.findings():
        yield from finding.rows
