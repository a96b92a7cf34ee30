"""Layers that torch compiles."""

from planner.models.facts import Architecture
from planner.setup.setup import Profile

FAMILIES = frozenset(["llama", "mistral", "qwen2", "qwen3"])
"""Families whose compiled layers are known."""


def compiles(shape: Architecture, profile: Profile) -> bool:
    """Return whether the compiled layers of a plan are known."""
    return shape.family in FAMILIES
