"""Finds words before a number that suggest what it is."""

import re

_REACH = 40
"""Number of characters before a number that are searched."""


def last(words: re.Pattern[str], text: str, start: int) -> int:
    """Return the end of the last of the words shortly before `start`; -1 if there is none."""
    ends = [match.end() for match in words.finditer(text, max(0, start - _REACH), start)]
    return ends[-1] if ends else -1


def named(words: re.Pattern[str], text: str, start: int) -> bool:
    """Return whether one of the words is shortly before `start`."""
    return words.search(text, max(0, start - _REACH), start) is not None


def has_word(words: str) -> re.Pattern[str]:
    """Return a pattern for alternatives at word boundaries, ignoring case.

    Words after `[` are excluded: redaction wrote them.
    """
    return re.compile(rf"(?<![^\W_])(?<!\[)(?:{words})(?![^\W_])", re.IGNORECASE)
