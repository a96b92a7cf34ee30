"""Checks for empty prompts and answers, and for answers of one word."""

import re
from array import array
from collections.abc import Iterator
from itertools import chain

from planner.data.checks.finding import Finding
from planner.data.checks.wording import rows_have
from planner.data.rows.rows import Message, Row

FEW = 0.05
"""Up to this share of the rows, one-word answers are taken for a mistake. Of self-instruct's
human-written seed tasks, 14% have one."""
WORD_CHARS = 40
"""Longest run of characters that counts as a word; longer ones are URLs, code or encoded data."""
_UNSEEN = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
_BLANK = (
    " \t\n\v\f\r\x1c\x1d\x1e\x1f\x85\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006"
    "\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000" + _UNSEEN
)
"""Unicode's white space and invisible characters."""
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]{5}")
"""More than a word, in scripts without spaces between words: Thai, Lao, Burmese, Khmer, Kana,
Han."""


class Empty:
    """`empty`: a warning each for blank answers, prompts and plain text."""

    def __init__(self) -> None:
        self._seen = 0
        self._rows = {role: array("I") for role in _PART}

    def see(self, number: int, row: Row) -> None:
        """Look at every turn except those of the system and of tools."""
        self._seen = number + 1
        empty = [turn for turn in chain(row.messages, row.rejected) if _is_empty(turn)]
        for role in {turn.role for turn in empty} if empty else ():
            self._rows[role].append(number)

    def findings(self) -> Iterator[Finding]:
        """Yield one finding each for answers, prompts and plain text."""
        for role, rows in self._rows.items():
            if rows:
                yield Finding(
                    id="empty",
                    severity="warning",
                    rows=rows,
                    said=f"{rows_have(len(rows), self._seen)} {_PART[role]}.",
                    fix="remove those rows",
                )


_PART = {"assistant": "an empty answer", "user": "an empty prompt", "text": "no text"}


def _is_empty(turn: Message) -> bool:
    blank = not turn.content.strip(_BLANK)
    return blank and turn.role in _PART and '"tool_calls"' not in turn.more


class OneWord:
    """`one-word`: answers of one word; a warning if few rows have one, else a note."""

    def __init__(self) -> None:
        self._seen = 0
        self._rows = array("I")

    def see(self, number: int, row: Row) -> None:
        """Look at the last answer."""
        self._seen = number + 1
        if _is_word(row.answer):
            self._rows.append(number)

    def findings(self) -> Iterator[Finding]:
        """Yield one finding where there are such answers."""
        if not self._rows:
            return
        few = len(self._rows) <= FEW * self._seen
        yield Finding(
            id="one-word",
            severity="warning" if few else "note",
            rows=self._rows,
            said=f"{rows_have(len(self._rows), self._seen)} a one-word answer.",
            fix="check that those answers are complete" if few else "",
        )


def _is_word(answer: str) -> bool:
    word = answer.strip(_BLANK)
    if not 0 < len(word) <= WORD_CHARS or len(word.split(None, 1)) > 1:
        return False
    return word.isascii() or not _UNSPACED.search(word)
