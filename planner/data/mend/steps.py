"""Which cleaning a person asked for, and the steps that it led to."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal

from planner.data.reading.bad_rows import MOST_BAD_ROWS
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
"""Findings whose rows can be dropped before tokenization."""
BAD_ROWS = "bad-rows"
DROPPED = (BAD_ROWS, *CHECKED, "leak", "template", "no-scored-token")
"""All findings whose rows can be dropped, in the order in which it is done."""
UNMEASURABLE = (BAD_ROWS, "role-order", "encoding", "template", "no-scored-token")
"""Findings whose rows have no answer to compare a model with."""
OVER_LENGTH = "over-length"


@dataclass(frozen=True)
class Mending:
    """The cleaning of every file of a run."""

    drop: tuple[str, ...] = ()
    """Findings (of `DROPPED`) whose rows are dropped."""
    redact: bool = False
    """Whether personal data is replaced by words such as `[EMAIL]`."""
    dedupe: Dedupe = "off"
    """Whether exact or near duplicates of earlier rows are dropped."""
    long: Long = "cut"
    """What to do with rows that exceed the length limit."""
    bad_rows: float = MOST_BAD_ROWS
    """The largest share of a file that bad rows may be, if they are dropped; 0 to 0.5."""

    def of(self, file: SplitName) -> "Mending":
        """Return the cleaning of one file; of test rows, only unusable ones are dropped.

        Otherwise test rows are kept, so that results remain comparable.
        """
        if file != "test":
            return self
        drop = tuple(what for what in self.drop if what in UNMEASURABLE)
        return replace(self, drop=drop, dedupe="off")


@dataclass(frozen=True)
class Step:
    """One cleaning step that was applied to a file."""

    file: SplitName
    """The file of the run."""
    step: StepName
    what: str
    """The finding that it fixes, such as `near-duplicates`."""
    rows: int
    """Rows that it dropped or changed."""


def mending(steps: Collection[tuple[str, str]], bad_rows: float = MOST_BAD_ROWS) -> Mending:
    """Return the cleaning that led to some steps, from their names and findings."""
    redacts, split = ("redact", "personal-data") in steps, ("split", OVER_LENGTH) in steps
    near, exact = ("dedupe", "near-duplicates") in steps, ("dedupe", "exact-duplicates") in steps
    return Mending(
        drop=tuple(what for what in DROPPED if ("drop", what) in steps),
        redact=redacts,
        dedupe="near" if near else "exact" if exact else "off",
        long="split" if split else "drop" if ("drop", OVER_LENGTH) in steps else "cut",
        bad_rows=bad_rows,
    )
