"""What a page of the wizard is made of."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from planner.questions.question import Question

if TYPE_CHECKING:
    from planner.data.checks.finding import Finding


@dataclass(frozen=True)
class Action:
    """A row that does something in place of asking."""

    id: str
    """The application's action."""
    title: str
    """What it does, in words."""
    about: str = ""
    """What the note below the page says of it."""


@dataclass(frozen=True, kw_only=True)
class Noticed(Action):
    """A row that shows what is wrong with the data."""

    finding: "Finding"
    """What is wrong."""
    text: str
    """Its sentence and its fix, shown in place of the facts."""


@dataclass(frozen=True)
class Page:
    """One page: a step, or a question about the wizard itself."""

    title: str
    """What stands in the frame."""
    rows: tuple[Question | Action, ...]
    """What the cursor moves over."""
    facts: Callable[[], Iterator[str]]
    """The text above, which grows as more is read; it takes its time, so workers run it."""
    keys: str = ""
    """What the frame says about keys; empty where the facts can be read in full."""
