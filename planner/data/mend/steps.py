"""What a person wants mended, and what that came to."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal

from planner.data.rows.splits import SplitName

Dedupe = Literal["off", "exact", "near"]
Long = Literal["cut", "drop", "split"]
StepName = Literal["drop", "redact", "dedupe", "truncate", "split"]

CHECKED = (
    "empty",
    "one-word",
    "role-order",
    "encoding",
    "markup",
    "template-tokens",
    "truncated",
    "languages",
    "conflicting-answers",
    "personal-data",
)
"""Findings by which rows can be left out before they become tokens."""
DROPPED = (*CHECKED, "leak", "template", "no-scored-token")
"""All findings by which rows can be left out, in the order in which that is done."""
UNMEASURABLE = ("role-order", "encoding", "template", "no-scored-token")
"""Findings whose rows have no answer that a model could be compared with."""
OVER_LENGTH = "over-length"


@dataclass(frozen=True)
class Mending:
    """What is to be mended in every file of a run."""

    drop: tuple[str, ...] = ()
    """Findings, of `DROPPED`, whose rows are left out."""
    redact: bool = False
    """Whether words such as `[EMAIL]` stand for personal data."""
    dedupe: Dedupe = "off"
    """Whether a row after the first that says the same, or nearly the same, is left out."""
    long: Long = "cut"
    """What becomes of rows with more tokens than the limit."""

    def of(self, file: SplitName) -> "Mending":
        """Return what is to be mended in one file: of test rows what cannot be measured, no more.

        What else is wrong with those is left, so that they stay the measure that they were.
        """
        if file != "test":
            return self
        drop = tuple(what for what in self.drop if what in UNMEASURABLE)
        return replace(self, drop=drop, dedupe="off")


@dataclass(frozen=True)
class Step:
    """One mending step of one file, done."""

    file: SplitName
    """Which of the run's files."""
    step: StepName
    what: str
    """The finding that it mends, as `near-duplicates`."""
    rows: int
    """Rows that it left out or changed."""


def mending(steps: Collection[tuple[str, str]]) -> Mending:
    """Return what was wanted, from the names and findings of steps that were done."""
    redacts, split = ("redact", "personal-data") in steps, ("split", OVER_LENGTH) in steps
    near, exact = ("dedupe", "near-duplicates") in steps, ("dedupe", "exact-duplicates") in steps
    return Mending(
        drop=tuple(what for what in DROPPED if ("drop", what) in steps),
        redact=redacts,
        dedupe="near" if near else "exact" if exact else "off",
        long="split" if split else "drop" if ("drop", OVER_LENGTH) in steps else "cut",
    )
