"""A row as two sets of shingles (runs of three words), for its prompt and its answer."""

import re
import unicodedata
from itertools import repeat
from zlib import crc32

from planner.data.rows.rows import Row

WORDS = 3
"""Words in a shingle. For web pages, five or more are usual, but rows are shorter: after a changed
word, the Jaccard index is still 0.8 for 998 of 1,000 gsm8k rows with three, 940 with five."""
Sides = tuple[set[int], set[int]]
"""The shingles of a prompt and of its answer, 32 bits each, hashed with different seeds."""
_MARKS = b".,:;!?()[]{}'\"`"
_OTHER_MARKS = "¡¿«»\u2018\u2019\u201a\u201c\u201d\u201e\u2039\u203a、。「」『』"
_PLAIN = bytes(range(256)).lower().translate(bytes.maketrans(_MARKS, b" " * len(_MARKS)))
_TO_BLANKS = {ord(mark): " " for mark in _OTHER_MARKS}
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff]"
)
"""Letters of scripts without spaces between words; each counts as a word."""
_PROMPT, _ANSWER, _BAD_ANSWER = range(3)


def words(text: str) -> list[bytes]:
    """Return the words of a text as UTF-8, in lower case and without punctuation.

    Meaningful signs, as in `-5` or `x > 0`, are kept.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).casefold().translate(_TO_BLANKS)
        text = _UNSPACED.sub(r" \g<0> ", text)
    return text.encode("utf-8", "surrogatepass").translate(_PLAIN).split()


def sides(row: Row) -> Sides:
    """Return the shingles of a row, without its system turn, which all rows may share.

    A rejected answer counts as part of the answer. Bad answers are hashed with another seed than
    good ones.
    """
    last = row.messages[-1]
    answer = " ".join([row.answer, last.more, *(turn.content for turn in row.rejected[-1:])])
    mark = _BAD_ANSWER if row.liked is False else _ANSWER
    return _shingles(row.prompt, _PROMPT), _shingles(answer, mark)


def _shingles(text: str, mark: int) -> set[int]:
    """Return the CRC-32 of each run of words; a shorter text is one run."""
    found = words(text)
    if len(found) < WORDS:
        return {crc32(b" ".join(found), mark)} if found else set()
    runs = zip(*(found[start:] for start in range(WORDS)), strict=False)
    return set(map(crc32, map(b" ".join, runs), repeat(mark)))
