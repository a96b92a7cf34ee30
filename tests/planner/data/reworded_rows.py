"""Many different rows made of a few real ones, by words and figures of other rows."""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from planner.data.reading.formats import load_table
from planner.data.rows.rows import Message, Row

OTHER = 0.35
"""Share of the words and figures that are others: two rows made of one are no near duplicates."""
_WORD = re.compile(r"[^\W\d_]{2,}|\d+")


class Reworder:
    """Puts words of some rows into others, each as often as it stands in all of them."""

    def __init__(self, words_of: Sequence[Row], seed: int) -> None:
        turns = (turn for row in words_of for turn in row.messages)
        said = " ".join(turn.content for turn in turns if _is_prose(turn))
        found = _WORD.findall(said)
        self._source = random.Random(seed)
        self._words: list[str] = [one for one in found if not one.isdigit()]

    def reworded(self, row: Row, share: float = OTHER) -> Row:
        """Return a row with other words; the system's turn and single words stay."""
        return replace(
            row,
            messages=tuple(self._turn(turn, share) for turn in row.messages),
            rejected=tuple(self._turn(turn, share) for turn in row.rejected),
        )

    def _turn(self, turn: Message, share: float) -> Message:
        if not _is_prose(turn):
            return turn
        source, words = self._source, self._words

        def other(found: re.Match[str]) -> str:
            word: str = found[0]
            if source.random() >= share:
                return word
            if word.isdigit():
                return str(source.randint(2, 9_999))
            return words[int(source.random() * len(words))]

        return replace(turn, content=_WORD.sub(other, turn.content))


def many(
    rows: Sequence[Row], count: int, *, words_of: Sequence[Row], seed: int = 7
) -> Iterator[Row]:
    """Yield the rows, then others made of them, until there are so many."""
    reworder = Reworder(words_of, seed)
    for number in range(count):
        row = rows[number % len(rows)]
        yield row if number < len(rows) else reworder.reworded(row)


def real(path: Path) -> tuple[Row, ...]:
    """Return the rows of a file; one with the columns `question` and `answer` too."""
    with path.open(encoding="utf-8") as file:
        asked = '"question"' in file.readline()
    return load_table(
        path, columns={"prompt": "question", "completion": "answer"} if asked else None
    ).rows


def _is_prose(turn: Message) -> bool:
    return turn.role != "system" and " " in turn.content
