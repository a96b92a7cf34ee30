"""Divide rows into train and validation, the same on every machine.

Rows that ask nearly the same stay on one side, so nothing is learnt by heart that is measured
afterwards; and where answers are labels, each label has its share on both sides.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from lockfiles.errors import DataRefused, UsageProblem
from lockfiles.fixes import Advice, Answer
from planner.data.checks.balance import Imbalance
from planner.data.near.groups import groups_of
from planner.data.rows.rows import Row
from planner.data.tokens.order import SPLIT_STREAM, shuffled

SplitBy = Literal["rows", "groups", "groups-and-labels"]
"""What is drawn: single rows, groups of rows that ask nearly the same, or those of each label."""
_FEWER = (Advice("add rows"), Answer("data.validation_fraction", 0.0))


@dataclass(frozen=True)
class Split:
    """Which rows train and which validate; the two are disjoint and cover all rows."""

    train: tuple[int, ...]
    """Row indices, ascending; at least one."""
    validation: tuple[int, ...]
    """Row indices, ascending; empty if the fraction is 0."""


def best_way(rows: Sequence[Row]) -> SplitBy:
    """Return how rows are best divided: by their labels too, where they have some."""
    return "groups-and-labels" if labels_of(rows) else "groups"


def labels_of(rows: Sequence[Row]) -> list[str] | None:
    """Return each row's answer where answers are labels, few and short; else None."""
    check = Imbalance()
    for number, row in enumerate(rows):
        check.see(number, row)
    return [row.answer.strip() for row in rows] if len(check.sizes()) > 1 else None


def divide(rows: Sequence[Row], fraction: float, seed: int, way: SplitBy) -> Split:
    """Put a share of the rows, 0 to below 1, in validation; as `split_rows`."""
    if not fraction or way == "rows":
        return split_rows(range(len(rows)), fraction, seed)
    labels = labels_of(rows) if way == "groups-and-labels" else None
    return split_rows(groups_of(rows), fraction, seed, labels)


def split_rows(
    groups: Sequence[Hashable],
    fraction: float,
    seed: int,
    labels: Sequence[Hashable] | None = None,
) -> Split:
    """Put `fraction` (0 to below 1) of the rows, rounded down but at least 1, in validation.

    `groups` names each row's group, which stays together, and `labels` its label: of each label
    the same share is put there, a group counting for the label of its first row. Where groups are
    large, validation may be smaller. Raises UsageProblem for a fraction out of range, DataRefused
    if no row is left to train on, or none could be held back.
    """
    if not 0 <= fraction < 1:
        raise UsageProblem(
            f"The validation fraction `{fraction}` is not from 0 to below 1.",
            fix=Answer("data.validation_fraction", 0.1),
        )
    rows = len(groups)
    held = max(1, int(rows * fraction)) if fraction else 0
    if held >= rows:
        raise DataRefused(
            f"`{rows}` rows are too few to hold some back for validation.", fix=_FEWER
        )
    strata = _strata(groups, labels)
    sizes = [sum(map(len, units)) for units in strata]
    taken: set[int] = set()
    for units, quota, stratum in zip(strata, _quotas(sizes, held), range(len(strata)), strict=True):
        left = quota
        key = (seed, stratum) if labels else (seed,)
        for place in shuffled(len(units), SPLIT_STREAM, *key):
            if len(units[place]) <= left:
                taken.update(units[place])
                left -= len(units[place])
    if held and not taken:
        raise DataRefused(
            "The rows are too much alike to hold some back for validation: what asks nearly the "
            "same stays together.",
            fix=(Answer("data.dedupe", "near"), *_FEWER),
        )
    everything = range(rows)
    return Split(tuple(row for row in everything if row not in taken), tuple(sorted(taken)))


def _strata(groups: Sequence[Hashable], labels: Sequence[Hashable] | None) -> list[list[list[int]]]:
    """Return the rows of each group, for each label, all in the order of their first rows."""
    units: dict[Hashable, list[int]] = {}
    for row, group in enumerate(groups):
        units.setdefault(group, []).append(row)
    if labels is None:
        return [list(units.values())]
    strata: Mapping[Hashable, list[list[int]]] = {label: [] for label in labels}
    for unit in units.values():
        strata[labels[unit[0]]].append(unit)
    return [units for units in strata.values() if units]


def _quotas(sizes: Sequence[int], held: int) -> list[int]:
    """Divide what is held back in proportion to sizes, by largest remainders."""
    whole = sum(sizes)
    quotas = [size * held // whole for size in sizes]
    most = sorted(range(len(sizes)), key=lambda at: (-(sizes[at] * held % whole), at))
    for at in most[: held - sum(quotas)]:
        quotas[at] += 1
    return quotas
