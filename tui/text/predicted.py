"""The predicted time and cost of a run as text."""

from typing import TYPE_CHECKING

from lockfiles.measured import rate
from tui.snapshot.narrator import duration

if TYPE_CHECKING:
    from lockfiles.lock import TrainingLock

NOT_KNOWN = "not known: tunelock rehearse"
"""Before a step was timed, and for a device of unknown speed."""


def time(lock: "TrainingLock") -> str:
    """Return how long training takes, what it costs and how fast it is, or how to measure it."""
    from lockfiles.rates import tokens_per_second

    found = lock.prediction
    if not found.seconds:
        return NOT_KNOWN
    cost = f", about {found.cost:,.2f} at your price per hour" if found.cost else ""
    step = f"{found.step_seconds:.2g} s" if found.step_seconds < 1 else duration(found.step_seconds)
    fast = rate(tokens_per_second(lock, found.step_seconds), found.flops_share)
    return f"about {duration(found.seconds)} of training{cost}; {step} per step; {fast}"
