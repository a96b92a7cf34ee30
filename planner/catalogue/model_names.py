"""Compares names of models by what they mean: family, version, size and variant.

A model of another size, version or family is another model, however similar its name is.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import SequenceMatcher

_PART = re.compile(r"v?(a?\d+(?:\.\d+)*(?:x\d+)?)(b*|m)(?![a-z0-9])|([a-z]+)|(\d+)")
"""A version or a size with its unit, a word, any other number."""
_OPTIONAL = frozenset(
    ["base", "instruct", "it", "pt", "chat", "hf", "meta", "v", "beta", "thinking"]
)
"""Words that people leave out: a model has the same shape with and without them."""
_CHAT = frozenset(["instruct", "it", "chat", "thinking"])
_BASE = frozenset(["base", "pt"])
"""Words of models that answer, and of those that only continue a text."""
_SAME_WORD = 0.75
_LEAST_FUZZY_CHARS = 3
_MOST_CHARS = 100
"""Longer names are not compared: that takes quadratic time."""


@dataclass(frozen=True)
class ModelName:
    """The parts of a repository's name."""

    words: frozenset[str]
    """Family and variant, in lower case."""
    numbers: frozenset[str]
    """Versions and sizes, without the unit `b`: `2.5`, `7`, `a3`, `135m`."""
    sizes: frozenset[str]
    """The sizes among them."""


def parse(name: str) -> ModelName:
    """Return the parts of a Hub id or repository name; its owner is ignored."""
    words, numbers, sizes = set(), set(), set()
    for found in _PART.finditer(name.lower().rpartition("/")[2]):
        number, unit, word, other = found.groups()
        if word:
            words.add(word)
            continue
        size = f"{number or other}{'m' if unit == 'm' else ''}"
        numbers.add(size)
        if unit:
            sizes.add(size)
    return ModelName(frozenset(words), frozenset(numbers), frozenset(sizes))


def near(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """Return up to three known names of which `name` is a misspelling, the most similar first."""
    if len(name) > _MOST_CHARS:
        return ()
    given = parse(name)
    found = [one for one in known if _same_model(given, parse(one))]

    def alike(other: str) -> tuple[bool, float]:
        shown = other if "/" in name else other.rpartition("/")[2]
        apart = _contradict(given.words, parse(other).words)
        return not apart, SequenceMatcher(None, name.lower(), shown.lower()).ratio()

    return tuple(sorted(found, key=alike, reverse=True))[:3]


def _contradict(words: frozenset[str], others: frozenset[str]) -> bool:
    """Return whether one name is that of a base model, and the other of one that answers."""
    return bool((words & _CHAT and others & _BASE) or (words & _BASE and others & _CHAT))


def _same_model(given: ModelName, other: ModelName) -> bool:
    """Return whether `given` has the size of `other`, no other version, and its words."""
    numbers = given.numbers <= other.numbers if other.sizes else given.numbers == other.numbers
    if not numbers or not given.sizes <= other.sizes <= given.numbers:
        return False
    left = set(other.words - given.words)
    for word in given.words - other.words:
        match = next((one for one in sorted(left) if _misspelled(word, one)), None)
        if match is None and word not in _OPTIONAL:
            return False
        left.discard(match or "")
    return bool(given.words) and left <= _OPTIONAL


def _misspelled(word: str, other: str) -> bool:
    if min(len(word), len(other)) < _LEAST_FUZZY_CHARS:
        return False
    return SequenceMatcher(None, word, other).ratio() >= _SAME_WORD
