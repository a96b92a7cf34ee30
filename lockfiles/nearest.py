"""Finds the known name of which an unknown one is a misspelling."""

import re
from collections.abc import Iterable
from difflib import SequenceMatcher

_MOST_CHARS = 100
"""Longer names are not compared: that takes quadratic time."""
_LEAST_ALIKE = 0.75
"""Names that are less similar mean different things, such as `objective` and `override`."""
_LEAST_PART_CHARS = 2
_DIGITS = re.compile(r"\d")
_LEAST_WORD_CHARS = 4
"""The shortest beginning of a longer name that is near to it: `warmup_ratio`."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that `name` misspells or begins, or None.

    The last parts of dotted names are compared. In names with digits every part counts: `q4_k_m`,
    `q5_k_m` and `q4_k_s` are different things.
    """
    if len(name) > _MOST_CHARS:
        return None
    found = [(_alike(name, other), other) for other in known]
    alike, best = max(found, key=lambda one: one[0], default=(0.0, None))
    return best if alike >= _LEAST_ALIKE else None


def _alike(name: str, other: str) -> float:
    table, _, last = name.lower().rpartition(".")
    other_table, _, other_last = other.lower().rpartition(".")
    if not last or not _same_code(last, other_last):
        return 0.0
    ratio = SequenceMatcher(None, last, other_last).ratio()
    begins = len(last) >= _LEAST_WORD_CHARS and other_last.startswith(f"{last}_")
    tables = SequenceMatcher(None, table, other_table).ratio()
    return max(ratio, _LEAST_ALIKE if begins else 0.0) + tables / 1000


def _same_code(name: str, other: str) -> bool:
    """Return whether two names have the same digits and, if any, parts that are misspellings."""
    digits, parts, others = _DIGITS.findall(name), _parts(name), _parts(other)
    if digits != _DIGITS.findall(other):
        return False
    if not digits:
        return True
    return len(parts) == len(others) and all(map(_same_part, parts, others))


def _same_part(one: str, other: str) -> bool:
    if one == other or min(len(one), len(other)) < _LEAST_PART_CHARS:
        return one == other
    return SequenceMatcher(None, one, other).ratio() >= _LEAST_ALIKE


def _parts(name: str) -> list[str]:
    return name.replace("-", "_").split("_")
