"""The draft, one frozen value: the answers so far, and the progress through the steps."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from planner.interview.questions import BY_KEY, QUESTIONS
from tui.session.staleness import spoiled

STEPS = ("goal", "data", "model", "machine", "method", "results", "review")
"""The steps' keys, in order."""


@dataclass(frozen=True)
class Draft:
    """The answers so far and the state of each step."""

    values: Mapping[str, object]
    """Answers by the questions' keys, with defaults for those without one."""
    current: str = STEPS[0]
    """The step that is shown."""
    passed: frozenset[str] = frozenset()
    """Steps that were valid when the user left them."""
    stale: frozenset[str] = frozenset()
    """Steps that were passed, but depend on an answer that has changed since."""

    @property
    def touched(self) -> bool:
        """True if any question was answered or any step passed."""
        return bool(self.passed) or any(
            self.values[question.key] != question.default for question in QUESTIONS
        )


def fresh(values: Mapping[str, object] | None = None) -> Draft:
    """Return a new draft with some answers."""
    defaults = {question.key: question.default for question in QUESTIONS}
    return Draft(defaults | dict(values or {}))


def answer(draft: Draft, key: str, value: object) -> Draft:
    """Return the draft with one answer, and the steps that depend on it marked as stale."""
    if draft.values[key] == value and type(draft.values[key]) is type(value):
        return draft
    stale = draft.stale | spoiled(BY_KEY[key].step, draft.passed)
    return replace(draft, values={**draft.values, key: value}, stale=stale)


def passing(draft: Draft) -> Draft:
    """Return the draft at the next step, with the current one marked as passed."""
    index = STEPS.index(draft.current)
    following = STEPS[min(index + 1, len(STEPS) - 1)]
    return replace(
        draft,
        current=following,
        passed=draft.passed | {draft.current},
        stale=draft.stale - {draft.current},
    )


def back(draft: Draft) -> Draft:
    """Return the draft at the previous step, without checks."""
    return replace(draft, current=STEPS[max(0, STEPS.index(draft.current) - 1)])


def reachable(draft: Draft, step: str) -> bool:
    """Return whether `step`, or every step before it, was passed."""
    before = STEPS[: STEPS.index(step)]
    return step in draft.passed or all(other in draft.passed for other in before)


def going(draft: Draft, step: str) -> Draft:
    """Return the draft at a reachable step."""
    assert reachable(draft, step), step
    return replace(draft, current=step)
