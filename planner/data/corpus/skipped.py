"""Counts the general rows that are skipped, and why."""

from typing import TypeGuard

from lockfiles.errors import DataRefused
from lockfiles.harmless import one_line
from planner.data.tokens.encode import NoAnswer
from planner.data.tokens.example import Example
from planner.data.tokens.left_out import LeftOut

_ANSWER = "without an answer"
_TEMPLATE = "not rendered in full by the chat template"


class Skipped:
    """Looks at general rows as tokens, one by one."""

    def __init__(self) -> None:
        self.seen = 0
        self._counts: dict[str, int] = {}
        self._first = ""
        """The first row that the template does not render in full, and what is wrong."""
        self._left_out = LeftOut()

    def takes(self, found: Example | DataRefused, number: int, length: int) -> TypeGuard[Example]:
        """Return whether a row is used: its tokens, at most `length` and one of them scored."""
        self.seen += 1
        why = self._why(found, number, length)
        if why:
            self._counts[why] = self._counts.get(why, 0) + 1
        elif isinstance(found, Example):
            self._left_out.see(number, found.left_out)
        return not why

    @property
    def sentence(self) -> str:
        """How many rows were skipped and why, and what the template leaves out of the others;
        empty if there is nothing to say."""
        said = [said for _, said in self._left_out.sentences()]
        if self._counts:
            causes = ", ".join(f"{count:,} {why}" for why, count in self._counts.items())
            total = sum(self._counts.values())
            first = f" {self._first}" if self._first else ""
            said.insert(
                0, f"{total:,} of {self.seen:,} general rows were skipped: {causes}.{first}"
            )
        return " ".join(said)

    def _why(self, found: Example | DataRefused, number: int, length: int) -> str:
        if isinstance(found, NoAnswer):
            return _ANSWER
        if isinstance(found, DataRefused):
            self._first = self._first or f"Row {number}: {one_line(found.message)}"
            return _TEMPLATE
        if not found.scored:
            return _ANSWER
        return f"of more than {length:,} tokens" if found.length > length else ""
