"""Finds the nearest known name for an unknown one."""

from collections.abc import Iterable
from difflib import get_close_matches

_MOST_CHARS = 100
"""Longer names are not compared: that takes quadratic time."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name most similar to `name`, or None where none is similar."""
    if len(name) > _MOST_CHARS:
        return None
    matches = get_close_matches(name, list(known), n=1, cutoff=0.5)
    return matches[0] if matches else None
