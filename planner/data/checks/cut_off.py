"""Checks for answers that were cut off."""

import re
from array import array
from collections.abc import Iterator, Sequence

from planner.data.checks.finding import Finding
from planner.data.checks.groups import Groups
from planner.data.checks.wording import rows_have
from planner.data.rows.rows import Row

NEARLY_ALL, ENDED_ROWS = 0.95, 50
"""Minimum share and number of answers that end alike before the others are suspicious."""
FEWEST_WORDS = 5
"""Minimum words of a last line that counts as a sentence; fewer are a name, title or label."""
FEWEST_SAME, FEWEST_CHARS = 3, 100
"""Minimum number of answers of one length, and minimum length, that suggest a limit."""
LINE_CHARS, MOST_BEGINS = 3, 1_000
"""Characters at the start of last lines that are compared, and distinct starts that are kept."""
_OPEN_ENDS = ",-\u2013\u2014=+*/<([{\u201c\xab\u2018&"
"""Characters that do not end a text; neither do letters."""
_PAIRS = (("(", ")"), ("[", "]"), ("{", "}"), ("\u201c", "\u201d"), ("\xab", "\xbb"))
_OPEN_QUOTE = re.compile(r'(?:^|[\s(])"[^\s"][^"]*\Z')
_SAYS = re.compile(r"\w")
"""Distinguishes `#### 72` from a line of punctuation such as `####`."""
_UNSPACED_CHARS = 20
"""Characters that count as a sentence in scripts without spaces between words."""


class Truncated:
    """`truncated`: a warning for answers that stop in the middle.

    There are four signs: no sentence end (or digit, or closing mark) where nearly all answers have
    one; a last line that does not begin as in nearly all answers, such as `#### 72`; an open code
    fence, bracket or quotation; several answers of the same maximum length, if that is a power of
    two or a multiple of 100 characters.
    """

    def __init__(self) -> None:
        self._seen = 0
        self._ended = 0
        self._unended = array("I")
        self._open = array("I")
        self._last_lines: Groups[str] = Groups()
        self._longest = array("I")
        self._longest_text = ""
        self._differ = False

    def see(self, number: int, row: Row) -> None:
        """Look at the end and the length of the last answer; of both answers in a preference."""
        self._seen = number + 1
        self._see_answer(number, row.answer)
        if row.rejected:
            self._see_answer(number, row.rejected[-1].content)

    def _see_answer(self, number: int, answer: str) -> None:
        self._see_length(number, answer)
        text = answer.rstrip()
        if not text:
            return
        self._see_last_line(number, text)
        if _is_open(text):
            self._open.append(number)
        if not (text[-1].isalpha() or text[-1] in _OPEN_ENDS):
            self._ended += 1
        elif _is_sentence(text[text.rfind("\n") + 1 :]):
            self._unended.append(number)

    def _see_last_line(self, number: int, text: str) -> None:
        at = text.rfind("\n")
        begin = text[at + 1 : at + 1 + LINE_CHARS] if at >= 0 else ""
        if begin and not _SAYS.search(text, at):
            begin += "\n"
        told = len(self._last_lines) < MOST_BEGINS or begin in self._last_lines
        self._last_lines.add(begin if told else "", number)

    def _see_length(self, number: int, text: str) -> None:
        if len(text) < max(len(self._longest_text), FEWEST_CHARS):
            return
        if len(text) > len(self._longest_text):
            self._longest, self._longest_text, self._differ = array("I"), text, False
        self._longest.append(number)
        self._differ = self._differ or text != self._longest_text

    def findings(self) -> Iterator[Finding]:
        """Yield one finding if answers seem cut off."""
        begin = self._last_lines.sizes()[0][0].rstrip() if self._last_lines else ""
        length = f"{len(self._longest_text):,}"
        signs = {
            "the last sentence does not end": set(self._unended_rows()),
            f"the last line does not begin with `{begin}` as in other rows": set(
                self._other_last_lines()
            ),
            "a code fence, bracket or quotation is not closed": set(self._open),
            f"the length is exactly the maximum of {length} characters": set(self._limited_rows()),
        }
        rows = sorted(set().union(*signs.values()))
        if rows:
            told = ", ".join(f"in {len(found):,} {sign}" for sign, found in signs.items() if found)
            yield Finding(
                id="truncated",
                severity="warning",
                rows=array("I", rows),
                said=f"{rows_have(len(rows), self._seen)} an answer that seems cut off: {told}.",
                fix="complete those answers, or remove those rows",
            )

    def _unended_rows(self) -> Sequence[int]:
        all_ = self._ended + len(self._unended)
        usual = self._ended >= max(ENDED_ROWS, NEARLY_ALL * all_)
        return self._unended if usual else ()

    def _other_last_lines(self) -> Sequence[int]:
        sizes = self._last_lines.sizes()
        all_ = sum(size for _, size in sizes)
        usual = sizes and sizes[0][0] and sizes[0][1] >= max(ENDED_ROWS, NEARLY_ALL * all_)
        return self._last_lines.others() if usual else ()

    def _limited_rows(self) -> Sequence[int]:
        length = len(self._longest_text)
        round_ = length % 100 == 0 or length & (length - 1) == 0
        same = self._differ and len(self._longest) >= FEWEST_SAME
        return self._longest if round_ and same else ()


def _is_sentence(line: str) -> bool:
    """Return whether a line has enough words and is not a list item."""
    unspaced = len(line) >= _UNSPACED_CHARS and line[-1] >= "\u3040"
    return (unspaced or line.count(" ") >= FEWEST_WORDS - 1) and line.lstrip()[0].isalpha()


def _is_open(text: str) -> bool:
    """Return whether a code fence, bracket or quotation in a text is not closed."""
    if "```" in text and text.count("```") % 2:
        return True
    if text[0] in "{[" and _unclosed(text, text[0]):
        return True
    if not (text[-1].isalnum() or text[-1] in _OPEN_ENDS):
        return False
    line = text[text.rfind("\n") + 1 :]
    if any(line.count(opening, 0, -1) > line.count(closing) for opening, closing in _PAIRS):
        return True
    return line.count('"') % 2 == 1 and _OPEN_QUOTE.search(line) is not None


def _unclosed(text: str, opening: str) -> bool:
    closing = "}" if opening == "{" else "]"
    return text[-1] not in "}]" and text.count(opening) > text.count(closing)
