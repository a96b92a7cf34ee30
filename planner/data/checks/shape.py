"""Checks whether rows have the same system prompt, kind and number of turns."""

from collections.abc import Iterator

from planner.data.checks.finding import Finding
from planner.data.checks.groups import Groups
from planner.data.checks.wording import rows_have, several
from planner.data.rows.rows import Row

SLIP = 0.05
"""Up to this share, rows that differ are taken for a mistake."""
MOST_KEPT = 10_000
"""Distinct system prompts that are counted; all others count as one more."""
_NONE, _MORE = hash(""), "more"


class SystemPrompts:
    """`system-prompts`: a warning if few rows differ from the rest, else a note."""

    def __init__(self) -> None:
        self._seen = 0
        self._rows: Groups[int | str] = Groups()

    def see(self, number: int, row: Row) -> None:
        """Keep the hash of the row's system prompt; no prompt counts as one of its own."""
        self._seen = number + 1
        prompt = hash(row.system)
        told = prompt in self._rows or len(self._rows) < MOST_KEPT
        self._rows.add(prompt if told else _MORE, number)

    def findings(self) -> Iterator[Finding]:
        """Yield one finding if the system prompts differ."""
        if len(self._rows) < 2:
            return
        others, without = self._rows.others(), len(self._rows.rows(_NONE))
        prompts = len(self._rows) - bool(without)
        different = f"over {MOST_KEPT:,}" if _MORE in self._rows else f"{prompts:,}"
        yield Finding(
            id="system-prompts",
            severity="warning" if len(others) <= SLIP * self._seen else "note",
            rows=others,
            said=f"{rows_have(len(others), self._seen)} another system prompt than the most "
            f"frequent one: there are {different} different, and {several(without, 'row')} "
            "without one.",
            fix="use one system prompt for all rows, unless each will also be used in production",
        )


class Shape:
    """`shape`: notes on rows of several kinds and on rows with different numbers of turns."""

    def __init__(self) -> None:
        self._seen = 0
        self._kinds: Groups[str] = Groups()
        self._turns: Groups[int] = Groups()

    def see(self, number: int, row: Row) -> None:
        """Keep the row's kind and its number of turns, without the system's."""
        self._seen = number + 1
        first = row.messages[0].role
        self._kinds.add(_kind(row, first), number)
        self._turns.add(len(row.messages) - (first == "system"), number)

    def findings(self) -> Iterator[Finding]:
        """Yield a note on several kinds and one on different numbers of turns."""
        if len(self._kinds) > 1:
            kinds = ", ".join(f"{count:,} {kind}" for kind, count in self._kinds.sizes())
            yield Finding(
                id="shape",
                severity="note",
                rows=self._kinds.others(),
                said=f"The rows are of {len(self._kinds)} kinds: {kinds}.",
                fix="keep rows of one kind in a file",
            )
        if len(self._turns) > 1:
            turns = [turns for turns, _ in self._turns.sizes()]
            others = self._turns.others()
            yield Finding(
                id="shape",
                severity="note",
                rows=others,
                said=f"{rows_have(len(others), self._seen)} {_span(turns[1:])} turns instead of "
                f"the most frequent number, {turns[0]}.",
                fix="",
            )


def _kind(row: Row, first_role: str) -> str:
    if row.rejected:
        return "preferences"
    if row.liked is not None:
        return "answers with feedback"
    return "plain text" if first_role == "text" else "conversations"


def _span(numbers: list[int]) -> str:
    least, most = min(numbers), max(numbers)
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"
