"""The objectives by name: those of a lock's closed table, and those that are only estimated."""

from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Literal

from lockfiles.objectives import NAMES
from planner.objectives.objective import Objective

if TYPE_CHECKING:
    from planner.questions.question import Question

ESTIMATED = ("dpo", "reward")
"""Objectives whose memory and speed are known; once a lock can hold one, `NAMES` has it too."""
EVERY = tuple(dict.fromkeys((*NAMES, *ESTIMATED)))
"""Every name, in the order in which they are shown."""

if TYPE_CHECKING:
    ObjectiveName = str
else:
    ObjectiveName = Literal[EVERY]


@cache
def objective_of(name: ObjectiveName) -> Objective:
    """Return the record of an objective. Raises LookupError for a name that is not in `EVERY`."""
    if name not in EVERY:  # a name from elsewhere imports nothing
        raise LookupError(name)
    found: Objective = import_module(f"planner.objectives.{name}").OBJECTIVE
    return found


def title_of(name: str) -> str:
    """Return what the objective teaches; an unknown name is returned unchanged."""
    return objective_of(name).title if name in EVERY else name


def questions() -> "Iterator[Question]":
    """Yield the questions of each objective that a lock can hold."""
    for name in NAMES:
        yield from objective_of(name).questions
