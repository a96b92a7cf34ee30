"""What a plan must know of a kind of stage."""

from collections.abc import Callable, Set
from dataclasses import dataclass
from importlib import import_module

from planner.interview.answers import Answers
from planner.search.choose import Choice

Settings = dict[str, str | int | bool | list[str]]


@dataclass(frozen=True)
class Wanted:
    """What the stages of a plan follow from."""

    answers: Answers
    choice: Choice | None
    """How is trained; None where nothing is."""
    splits: Set[str]
    """Those that the data has."""
    family: str
    """Of the base model."""

    @property
    def held(self) -> str:
        """The held-out split that later stages measure; empty without one."""
        return next((name for name in ("test", "validation") if name in self.splits), "")

    @property
    def adapter(self) -> bool:
        """Whether an adapter is trained, and not all weights."""
        return self.choice is not None and self.choice.kind != "full"


@dataclass(frozen=True)
class PlannedKind:
    """One kind of stage, as far as a plan depends on it."""

    leaves: str
    """What such a stage leaves, in a few words."""
    settings: Callable[[Wanted], list[Settings]]
    """Returns the settings of each stage of this kind that is wanted. Raises UsageProblem."""
    tables: tuple[str, ...] = ()
    """The tables of the lock that it reads, besides its own settings."""
    untrained_tables: tuple[str, ...] = ()
    """Those that it reads in a lock that trains nothing."""


def of_kind(name: str) -> PlannedKind:
    """Return the record of a kind of the lock's closed table."""
    found: PlannedKind = import_module(f"planner.pipeline.{name}").KIND
    return found
