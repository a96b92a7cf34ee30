"""Dependencies between steps: a changed answer makes dependent steps stale."""

from collections.abc import Mapping

DEPENDANTS: Mapping[str, frozenset[str]] = {
    "goal": frozenset({"review"}),
    "data": frozenset({"machine", "method", "results", "review"}),
    "model": frozenset({"machine", "method", "results", "review"}),
    "machine": frozenset({"method", "results", "review"}),
    "method": frozenset({"results", "review"}),
    "results": frozenset({"review"}),
    "review": frozenset(),
}
"""For each step, the steps that use something computed from its answers."""


def spoiled(step: str, passed: frozenset[str]) -> frozenset[str]:
    """Return the passed steps that a change in `step` makes stale."""
    return DEPENDANTS[step] & passed
