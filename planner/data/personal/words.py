"""Words that stand before a number and tell what it is."""

import re

_REACH = 40
"""How many characters before a number are read for them."""


def last(words: re.Pattern[str], text: str, start: int) -> int:
    """Return where the last of the words ends that stands shortly before `start`; -1 for none."""
    ends = [match.end() for match in words.finditer(text, max(0, start - _REACH), start)]
    return ends[-1] if ends else -1


def named(words: re.Pattern[str], text: str, start: int) -> bool:
    """Return whether one of the words stands shortly before `start`."""
    return words.search(text, max(0, start - _REACH), start) is not None


def has_word(words: str) -> re.Pattern[str]:
    """Compile alternatives that count only as whole words, whatever their case.

    Not behind `[`, where they are what redaction wrote.
    """
    return re.compile(rf"(?<![^\W_])(?<!\[)(?:{words})(?![^\W_])", re.IGNORECASE)
