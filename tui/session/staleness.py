"""Which steps depend on which: a changed answer marks what was built on it as stale."""

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
"""Each step to the steps that show or use something computed from its answers."""


def spoiled(step: str, passed: frozenset[str]) -> frozenset[str]:
    """Return the steps already gone through that a change in `step` makes stale."""
    return DEPENDANTS[step] & passed
