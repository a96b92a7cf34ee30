"""The checks for each kind of rows."""

from collections.abc import Callable

from planner.data.checks.amount import TooFew
from planner.data.checks.answers import Empty, OneWord
from planner.data.checks.balance import Imbalance
from planner.data.checks.conflicts import ConflictingAnswers
from planner.data.checks.cut_off import Truncated
from planner.data.checks.diversity import Diversity
from planner.data.checks.duplicates import Duplicates
from planner.data.checks.encoding import Encoding
from planner.data.checks.finding import Check
from planner.data.checks.languages import Languages
from planner.data.checks.markup import Markup, TemplateTokens
from planner.data.checks.personal import PersonalData
from planner.data.checks.role_order import RoleOrder
from planner.data.checks.shape import Shape, SystemPrompts

_ANY: tuple[Callable[[], Check], ...] = (
    TooFew,
    Shape,
    Empty,
    Encoding,
    Markup,
    TemplateTokens,
    Diversity,
    Languages,
    Duplicates,
    PersonalData,
)
_TURNS: tuple[Callable[[], Check], ...] = (RoleOrder, SystemPrompts, OneWord, Truncated)
_KINDS: dict[str, tuple[Callable[[], Check], ...]] = {
    "conversation": (*_ANY, *_TURNS, ConflictingAnswers, Imbalance),
    "text": _ANY,
    "preference": (*_ANY, *_TURNS),
    "feedback": (*_ANY, *_TURNS, ConflictingAnswers, Imbalance),
}


def every(kind: str) -> tuple[Check, ...]:
    """Return new checks for rows of a kind: conversation, text, preference or feedback."""
    return tuple(check() for check in _KINDS[kind])
