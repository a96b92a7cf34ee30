"""The parts of a page of the wizard."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.questions.question import Question

if TYPE_CHECKING:
    from planner.data.checks.finding import Finding


@dataclass(frozen=True)
class Action:
    """A row that does something instead of asking."""

    id: str
    """The application's action."""
    title: str
    """Its label."""
    about: str = ""
    """The note below the page about it."""


@dataclass(frozen=True, kw_only=True)
class Noticed(Action):
    """A row that shows a finding on the data."""

    finding: "Finding"
    """The finding."""
    text: str
    """Its description and its fix, shown instead of the facts."""


@dataclass(frozen=True)
class Page:
    """One page: a step, or a question of the wizard itself."""

    title: str
    """The title in the frame."""
    rows: tuple[Question | Action, ...]
    """The rows that the cursor moves over."""
    facts: Callable[[], Iterator[str]]
    """Yields the text above, which grows as more is read; slow, so workers run it."""
    keys: str = ""
    """The frame's hint about keys; empty if the facts can be shown in full."""
