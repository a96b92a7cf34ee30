"""Whether characters came through whole: decoded wrongly, lost, invisible or half a character."""

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
HALF = "half characters (lone surrogates)"


class Encoding:
    """`encoding`: refused where half a character stands alone, else a warning.

    Half a character has no UTF-8, so a tokenizer does not take the text.
    """

    def __init__(self) -> None:
        self._seen = 0
        self._half = array("I")
        self._rows = array("I")
        self._kinds: Counter[str] = Counter()

    def see(self, number: int, row: Row) -> None:
        """Look at the text of every turn, and at what it calls."""
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
        """Yield one finding for half characters and one for all else."""
        if self._half:
            yield Finding(
                id="encoding",
                severity="refused",
                rows=self._half,
                said=f"{rows_have(len(self._half), self._seen)} {HALF}, which no tokenizer takes.",
                fix="write the file again from its source as UTF-8, or take those rows out",
            )
        if self._rows:
            kinds = ", ".join(f"{count:,} {kind}" for kind, count in self._kinds.most_common())
            yield Finding(
                id="encoding",
                severity="warning",
                rows=self._rows,
                said=f"{rows_have(len(self._rows), self._seen)} broken characters: {kinds}.",
                fix="read the source with its right encoding, or take those rows out",
            )


def _faults(text: str) -> Iterator[str]:
    """Yield what is wrong with the characters of a text."""
    if is_mojibake(text):
        yield "text decoded wrongly, such as `Ã©`"
    elif _CONTROL.search(text):
        yield "control characters"
    if "\ufffd" in text:
        yield "lost characters (U+FFFD)"
    if "\ufeff" in text:
        yield "byte order marks"
    if _SURROGATE.search(text):
        yield HALF
