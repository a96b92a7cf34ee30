"""Divide rows into train and validation, the same on every machine."""

from dataclasses import dataclass

from lockfiles.errors import DataRefused, UsageProblem
from planner.data.order import SPLIT_STREAM, shuffled


@dataclass(frozen=True)
class Split:
    """Which rows train and which validate; the two are disjoint and cover all rows."""

    train: tuple[int, ...]
    """Row indices, ascending; at least one."""
    validation: tuple[int, ...]
    """Row indices, ascending; empty if the fraction is 0."""


def split_rows(rows: int, fraction: float, seed: int) -> Split:
    """Put `fraction` (0 to below 1) of the rows, rounded down but at least 1, in validation.

    Raises UsageProblem for a fraction out of range, DataRefused if no row is left to train on.
    """
    if not 0 <= fraction < 1:
        raise UsageProblem(
            f"The validation fraction `{fraction}` is not from 0 to below 1.",
            hint="write `validation_fraction = 0.1` under `[data]` in `run.toml`",
        )
    held = max(1, int(rows * fraction)) if fraction else 0
    if held >= rows:
        raise DataRefused(
            f"`{rows}` rows are too few to hold some back for validation.",
            hint="add rows, or write `validation_fraction = 0.0` under `[data]` in `run.toml`",
        )
    order = shuffled(rows, SPLIT_STREAM, seed)
    return Split(tuple(sorted(order[held:])), tuple(sorted(order[:held])))
