"""Fixing a finding with an answer, and undoing that."""

from planner.data.mend.offers import Offer
from planner.interview.questions import BY_KEY
from tui.session.draft import Draft, answer
from tui.session.steps import Values

_ALSO = {("exact", "near")}
"""The answer of an offer, and another answer that has the same effect."""


def mends(values: Values, offer: Offer) -> bool:
    """Return whether the answers already include the offered fix."""
    value = values[offer.key]
    if isinstance(value, tuple):
        return offer.value in value
    return value == offer.value or (offer.value, value) in _ALSO


def toggled(draft: Draft, offer: Offer) -> Draft:
    """Return the draft with the offered fix added, or removed if it was there."""
    question, value = BY_KEY[offer.key], draft.values[offer.key]
    done = mends(draft.values, offer)
    if isinstance(value, tuple):
        names = set(value) ^ {offer.value}
        return answer(draft, offer.key, tuple(name for name in question.choices if name in names))
    return answer(draft, offer.key, question.default if done else offer.value)
