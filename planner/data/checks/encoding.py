"""Checks for broken characters: wrongly decoded, lost, invisible, or lone surrogates."""

import re
from array import array
from collections import Counter
from collections.abc import Iterator
from itertools import chain

from planner.data.checks.finding import Finding
from planner.data.checks.mojibake import is_mojibake
from planner.data.checks.wording import rows_have
from planner.data.rows.rows import Row

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
HALF = "lone surrogates (broken Unicode)"


class Encoding:
    """`encoding`: refused for lone surrogates, else a warning.

    A lone surrogate has no UTF-8 encoding, so tokenizers reject the text.
    """

    def __init__(self) -> None:
        self._seen = 0
        self._half = array("I")
        self._rows = array("I")
        self._kinds: Counter[str] = Counter()

    def see(self, number: int, row: Row) -> None:
        """Look at the text and the tool calls of every turn."""
        self._seen = number + 1
        faults: set[str] = set()
        for turn in chain(row.messages, row.rejected):
            if not turn.content.isascii() or _CONTROL.search(turn.content):
                faults.update(_faults(turn.content))
            if turn.more:
                faults.update(_faults(turn.more))
        if HALF in faults:
            self._half.append(number)
            faults.remove(HALF)
        if faults:
            self._rows.append(number)
            self._kinds.update(faults)

    def findings(self) -> Iterator[Finding]:
        """Yield one finding for lone surrogates and one for all other faults."""
        if self._half:
            yield Finding(
                id="encoding",
                severity="refused",
                rows=self._half,
                said=f"{rows_have(len(self._half), self._seen)} {HALF}, which tokenizers reject.",
                fix="write the file again as UTF-8, or remove those rows",
            )
        if self._rows:
            kinds = ", ".join(f"{kind} ({count:,})" for kind, count in self._kinds.most_common())
            yield Finding(
                id="encoding",
                severity="warning",
                rows=self._rows,
                said=f"{rows_have(len(self._rows), self._seen)} broken characters: {kinds}.",
                fix="read the source with its correct encoding, or remove those rows",
            )


def _faults(text: str) -> Iterator[str]:
    """Yield the faults in the characters of a text."""
    if is_mojibake(text):
        yield "wrongly decoded text such as `Ã©`"
    elif _CONTROL.search(text):
        yield "control characters"
    if "\ufffd" in text:
        yield "lost characters (U+FFFD)"
    if "\ufeff" in text:
        yield "byte order marks"
    if _SURROGATE.search(text):
        yield HALF
