"""Mending what was found by an answer, and taking that back."""

from planner.data.mend.offers import Offer
from planner.interview.questions import BY_KEY
from tui.session.draft import Draft, answer
from tui.session.steps import Values

_ALSO = {("exact", "near")}
"""What an offer asks for and an answer that does that too."""


def mends(values: Values, offer: Offer) -> bool:
    """Return whether the answers do what is offered."""
    value = values[offer.key]
    if isinstance(value, tuple):
        return offer.value in value
    return value == offer.value or (offer.value, value) in _ALSO


def toggled(draft: Draft, offer: Offer) -> Draft:
    """Return the draft with what is offered answered, or no longer."""
    question, value = BY_KEY[offer.key], draft.values[offer.key]
    done = mends(draft.values, offer)
    if isinstance(value, tuple):
        names = set(value) ^ {offer.value}
        return answer(draft, offer.key, tuple(name for name in question.choices if name in names))
    return answer(draft, offer.key, question.default if done else offer.value)
