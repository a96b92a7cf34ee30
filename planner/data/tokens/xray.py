"""One row as training will see it: the text that the template makes, its tokens, which are scored.

What is shown is what `encode` gives, and the digest of that is in the lock.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from planner.data.isolation.client import Tokens
from planner.data.rows.rows import Row
from planner.data.tokens.encode import encoded
from planner.data.tokens.example import COMPLETION, IGNORED
from planner.data.tokens.template import ChatTemplate
from planner.data.tokens.tokenizer import Tokenizer


@dataclass(frozen=True)
class Token:
    """One token of a row."""

    id: int
    text: str
    """The characters that it stands for; a part of a character shows the whole one."""
    scored: bool
    """Whether the loss counts it."""
    end: int
    """Characters of the row's text up to its end."""


@dataclass(frozen=True)
class Piece:
    """Tokens in a row that are all scored, or all not."""

    text: str
    tokens: int
    scored: bool


@dataclass(frozen=True)
class XRay:
    """One row, seen through."""

    text: str
    """What the template makes of it."""
    tokens: tuple[Token, ...]
    pieces: tuple[Piece, ...]
    """The text again, in parts that are scored or not."""

    @property
    def scored(self) -> int:
        """How many tokens are scored."""
        return sum(token.scored for token in self.tokens)


def xray(row: Row, template: ChatTemplate, tokenizer: Tokenizer) -> XRay:
    """Return what training sees of a row. Raises DataRefused as `encode` does."""
    text, offsets, example = encoded(row, template, tokenizer)
    found = example[COMPLETION]
    scored = [label != IGNORED for label in found.labels]
    tokens = tuple(
        Token(number, text[first:last], counts, last)
        for number, (first, last), counts in zip(found.input_ids, offsets, scored, strict=True)
    )
    return XRay(text, tokens, tuple(_pieces(text, offsets, scored)))


def last_scored(found: Tokens) -> str:
    """Return the text of the last piece that is scored; empty without any."""
    end = found.scored.rfind(1) + 1
    if not end:
        return ""
    begin = found.scored.rfind(0, 0, end) + 1
    start = found.offsets[2 * begin] if begin else 0
    return found.text[start : found.offsets[2 * end] if end < len(found.ids) else len(found.text)]


def cut(found: XRay, length: int) -> XRay:
    """Return what training sees of a row that is cut to `length` tokens."""
    pieces, start = list[Piece](), 0
    for scored, group in groupby(found.tokens[:length], key=lambda token: token.scored):
        tokens = list(group)
        pieces.append(Piece(found.text[start : tokens[-1].end], len(tokens), scored))
        start = tokens[-1].end
    return XRay(found.text[:start], found.tokens[:length], tuple(pieces))


def _pieces(text: str, offsets: list[tuple[int, int]], scored: list[bool]) -> Iterator[Piece]:
    """Yield the parts of a text; what no token covers belongs to the part before it."""
    places = list(zip(offsets, scored, strict=True))
    groups = [(counts, list(group)) for counts, group in groupby(places, key=lambda one: one[1])]
    starts = [group[0][0][0] for _, group in groups]
    starts[:1] = [0] if starts else []
    for (counts, group), start, end in zip(groups, starts, [*starts[1:], len(text)], strict=True):
        yield Piece(text[start:end], len(group), counts)
