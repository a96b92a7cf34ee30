"""Splits rows into train and validation, identically on every machine.

Rows with nearly the same prompt stay on the same side, so that validation does not measure
memorization. If answers are labels, both sides have the same share of each label.
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
"""What is sampled: rows, groups of rows with nearly the same prompt, or such groups per label."""
_FEWER = (Advice("add rows"), Answer("data.validation_fraction", 0.0))


@dataclass(frozen=True)
class Split:
    """The rows of each side; the two sides are disjoint and cover all rows."""

    train: tuple[int, ...]
    """Row indices, ascending; at least one."""
    validation: tuple[int, ...]
    """Row indices, ascending; empty if the fraction is 0."""


def best_way(rows: Sequence[Row]) -> SplitBy:
    """Return the best way to split rows; labels are considered if there are any."""
    return "groups-and-labels" if labels_of(rows) else "groups"


def labels_of(rows: Sequence[Row]) -> list[str] | None:
    """Return each row's answer if answers are labels (few and short), else None."""
    check = Imbalance()
    for number, row in enumerate(rows):
        check.see(number, row)
    return [row.answer.strip() for row in rows] if len(check.sizes()) > 1 else None


def divide(rows: Sequence[Row], fraction: float, seed: int, way: SplitBy) -> Split:
    """Split off a fraction of the rows (0 to below 1) for validation; raises as `split_rows`."""
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
    """Split off `fraction` (0 to below 1) of the rows, rounded down but at least 1, for validation.

    `groups` has the group of each row; groups stay together. `labels` has the label of each row:
    the same share of each label is split off, where a group counts for the label of its first row.
    If groups are large, validation may be smaller. Raises UsageProblem for a fraction out of range,
    DataRefused if no row is left to train on or none could be split off.
    """
    if not 0 <= fraction < 1:
        raise UsageProblem(
            f"The validation fraction `{fraction}` must be at least 0 and less than 1.",
            fix=Answer("data.validation_fraction", 0.1),
        )
    rows = len(groups)
    held = max(1, int(rows * fraction)) if fraction else 0
    if held >= rows:
        raise DataRefused(f"{rows} rows are too few to split off some for validation.", fix=_FEWER)
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
            "The rows are too similar to split off some for validation: rows with nearly the same "
            "prompt stay together.",
            fix=(Answer("data.dedupe", "near"), *_FEWER),
        )
    everything = range(rows)
    return Split(tuple(row for row in everything if row not in taken), tuple(sorted(taken)))


def _strata(groups: Sequence[Hashable], labels: Sequence[Hashable] | None) -> list[list[list[int]]]:
    """Return the rows of each group, per label, in the order of their first rows."""
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
    """Distribute `held` rows in proportion to sizes, by largest remainders."""
    whole = sum(sizes)
    quotas = [size * held // whole for size in sizes]
    most = sorted(range(len(sizes)), key=lambda at: (-(sizes[at] * held % whole), at))
    for at in most[: held - sum(quotas)]:
        quotas[at] += 1
    return quotas
