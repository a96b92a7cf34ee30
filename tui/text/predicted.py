"""The predicted time and cost of a run as text."""

from typing import TYPE_CHECKING

from tui.snapshot.narrator import duration

if TYPE_CHECKING:
    from lockfiles.lock import Prediction

NOT_KNOWN = "not known: tunelock rehearse"
"""Before a step was timed, and for a device of unknown speed."""


def time(found: "Prediction") -> str:
    """Return how long training takes and what it costs, or how to measure it."""
    if not found.seconds:
        return NOT_KNOWN
    cost = f", about {found.cost:,.2f} at your price per hour" if found.cost else ""
    step = f"{found.step_seconds:.2g} s" if found.step_seconds < 1 else duration(found.step_seconds)
    return f"about {duration(found.seconds)} of training{cost}; {step} per step"
