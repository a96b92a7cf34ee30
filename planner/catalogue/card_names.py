"""Compares names of cards by what they mean: series, model number, variant and memory.

A laptop's card, a `Ti`, a MIG slice or a card of another memory size is another card, however
similar its name is. Only a misspelling is near.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Protocol

_JOINED = re.compile(r"nvidia|geforce|tesla|quadro|radeon|instinct|[rg]tx|(?<=\d{4})m\b")
"""Words that people join to others: `GeForceRTX4090`, `RTXA6000`, `RTX 4090M`."""
_PART = re.compile(
    r"(\d+)\s*gi?b\b|(?<![a-z0-9])(\d+)g\b|(?:hbm|l?p?g?ddr)\d+[ex]*|(sxm)\d*|(max)-q|([a-z]+)|(\d+)"
)
"""Memory in GiB, kind of memory, form factor, Max-Q, a word, a number."""
_NEUTRAL = frozenset(
    ["nvidia", "geforce", "tesla", "amd", "radeon", "instinct", "apple", "intel", "gpu",
     "graphics", "generation", "blackwell", "edition", "workstation", "accelerator", "oam", "tm",
     "r", "tensor", "core", "vram", "habana", "hpu"]
)  # fmt: skip
"""Words that do not distinguish cards."""
_VARIANTS = frozenset(
    ["laptop", "mobile", "maxq", "super", "server", "embedded", "mig", "slice", "pcie", "sxm",
     "quadro", "titan", "sff", "lhr", "gre", "xtx", "nvl", "ada", "pro", "max", "ultra"]
)  # fmt: skip
"""Words that name another card; none is a misspelling of another."""
_OPTIONAL = frozenset(["rtx", "rx", "gtx"])
"""Words that people leave out."""
_LAPTOP = frozenset(["laptop"])
_SYNONYMS = {"mobile": "laptop", "notebook": "laptop", "m": "laptop"}
"""Other words for a variant; a joined `m` is that of `RTX 4090M`."""
_FORM_FACTORS = frozenset(["pcie", "sxm"])
"""Words that are redundant where all cards of a number have the same."""
_OTHER_NUMBERS = frozenset(["16", "308"])
"""Model numbers of existing cards that the catalogue lacks and that are no round numbers."""
_SAME_WORD, _SAME_NUMBER = 0.75, 0.75
"""Least similarity of a misspelled word and number."""
_LEAST_FUZZY_CHARS = 3
"""Shorter words are never misspellings of each other."""


class Card(Protocol):
    """A card of the catalogue."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def memory_gib(self) -> int:
        """Memory as sold."""


@dataclass(frozen=True)
class CardName:
    """The parts of a card's name."""

    words: frozenset[str]
    """Series and variant, in lower case."""
    numbers: tuple[str, ...]
    """Model numbers."""
    memory: frozenset[int]
    """Stated memory in GiB."""


@lru_cache(maxsize=4096)
def parse(name: str) -> CardName:
    """Return the parts of a name."""
    words, numbers, memory = set(), [], set()
    spaced = _JOINED.sub(lambda found: f" {_SYNONYMS.get(found[0], found[0])} ", name.lower())
    for found in _PART.finditer(spaced):
        size, short, sxm, max_q, word, number = found.groups()
        if size or short:
            memory.add(int((size or short)[:6]))
        elif number:
            numbers.append(number)
        elif whole := sxm or (max_q and "maxq") or word:
            words.add(whole if whole == "m" else _SYNONYMS.get(whole, whole))
    return CardName(frozenset(words - _NEUTRAL), tuple(numbers), frozenset(memory))


def near(name: str, known: Sequence[tuple[str, Card]]) -> tuple[str, ...]:
    """Return the cards of which `name` is a misspelling, the most similar first, at most three.

    `known` has each card under all of its names.
    """
    given = parse(name)
    found: dict[str, float] = {}
    for other, card in known:
        alike = _alike(given, parse(other), card.memory_gib)
        if alike:
            found[card.name] = max(alike, found.get(card.name, 0))
    return tuple(sorted(found, key=lambda one: -found[one]))[:3]


def same(name: str, known: Sequence[tuple[str, Card]]) -> str:
    """Return the card that a name in other words means, such as with its memory; else nothing."""
    given = parse(name)
    alike = [
        (card, parts)
        for other, card in known
        if (parts := parse(other)).numbers == given.numbers and given.numbers
    ]
    if not any(parts.words & _FORM_FACTORS for _, parts in alike):
        given = replace(given, words=given.words - _FORM_FACTORS)
    for card, parts in alike:
        words = given.words <= parts.words <= given.words | _optional(given.words)
        if words and given.memory <= parts.memory | {card.memory_gib}:
            return card.name
    return ""


def meant(name: str, known: Sequence[tuple[str, Card]]) -> tuple[str, ...]:
    """Return the cards that a name without series, variant or size could mean, if several.

    A laptop's card is meant only where a laptop is named.
    """
    given = parse(name)
    found = {
        card.name: None
        for other, card in known
        if (given.words or given.numbers)
        and given.numbers == (parts := parse(other)).numbers
        and given.words <= parts.words
        and _LAPTOP & parts.words <= given.words
        and given.memory <= {card.memory_gib}
    }
    return tuple(found) if len(found) > 1 else ()


def _alike(given: CardName, other: CardName, memory_gib: int) -> float:
    """Return how similar two names of one card are, 0 to 1; 0 for names of different cards."""
    if not given.memory <= other.memory | {memory_gib}:
        return 0
    if not given.numbers and "gtx" in given.words:  # GTX TITAN: no misspelling of TITAN RTX
        return 0
    if len(given.numbers) != len(other.numbers) or not _words_match(given.words, other.words):
        return 0
    shares = [_number(one, two) for one, two in zip(given.numbers, other.numbers, strict=True)]
    text = SequenceMatcher(None, _text(given), _text(other)).ratio()
    return min([*shares, 1.0]) * (0.5 + text / 2)


def _words_match(given: frozenset[str], other: frozenset[str]) -> bool:
    """Return whether two sets of words differ only in misspellings."""
    left = set(other - given)
    for word in given - other:
        match = next((one for one in (*sorted(left), *_NEUTRAL) if _misspelled(word, one)), None)
        if match is None:
            return False
        left.discard(match)
    return left <= _optional(given)


def _optional(words: frozenset[str]) -> frozenset[str]:
    """Return what a name may leave out: a `Quadro 6000` is older than a `Quadro RTX 6000`."""
    return frozenset() if "quadro" in words else _OPTIONAL


def _misspelled(word: str, other: str) -> bool:
    if word in _VARIANTS or min(len(word), len(other)) < _LEAST_FUZZY_CHARS:
        return False
    swapped = sorted(word) == sorted(other) or {word, other} == {"gtx", "rtx"}
    return swapped or SequenceMatcher(None, word, other).ratio() >= _SAME_WORD


def _number(given: str, other: str) -> float:
    """Return how similar two model numbers are; 0 if `given` may be that of another card.

    Numbers of cards are round, with few exceptions, and short ones are dense.
    """
    if given == other:
        return 1.0
    real = given.endswith("0") or given in _OTHER_NUMBERS
    if real or len(given) != len(other) or len(given) < 2:
        return 0
    apart = sum(one != two for one, two in zip(given, other, strict=True))
    if apart == 2 and sorted(given) == sorted(other):
        return 0.95
    ratio = SequenceMatcher(None, given, other).ratio()
    return 1 - apart / 8 if apart == 1 or ratio >= _SAME_NUMBER else 0


def _text(name: CardName) -> str:
    return " ".join((*sorted(name.words), *name.numbers))
