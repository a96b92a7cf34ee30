"""The nearest known name for one that is not known."""

from collections.abc import Iterable
from difflib import get_close_matches

_MOST_CHARS = 100
"""A longer name is like none: comparing takes time by the square of the length."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name most like `name`, or None where none is like it."""
    if len(name) > _MOST_CHARS:
        return None
    matches = get_close_matches(name, list(known), n=1, cutoff=0.5)
    return matches[0] if matches else None
