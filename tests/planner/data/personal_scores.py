"""How much labelled personal data is found, and how much of what is found is right.

`python -m tests.planner.data.personal_scores` prints the table.
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from planner.data.personal.find import found
from planner.data.personal.span import KINDS
from tests.planner.data.personal_sample import Piece, made_rows

_FILE = Path(__file__).parents[2] / "data" / "personal.jsonl"
BY_HAND: list[list[Piece]] = [json.loads(line) for line in _FILE.read_text("utf-8").splitlines()]
HALVES = {"by hand": BY_HAND, "made": made_rows()}
ALL = "all"


@dataclass(frozen=True)
class Score:
    """How many pieces of personal data were found as they are labelled, to the character."""

    right: int
    wrong: int
    """Found where nothing of the kind is labelled, or more or less of it."""
    missed: int

    @property
    def spans(self) -> int:
        """How many are labelled."""
        return self.right + self.missed

    @property
    def precision(self) -> float:
        """Share of those found that are right."""
        return self.right / max(self.right + self.wrong, 1)

    @property
    def recall(self) -> float:
        """Share of those labelled that are found."""
        return self.right / max(self.spans, 1)


def labelled(row: list[Piece]) -> tuple[str, set[tuple[str, int, int]]]:
    """Return the row's text and the kind, start and end of each value that is personal."""
    text, spans = "", set()
    for piece in row:
        value = piece if isinstance(piece, str) else "".join(piece[1:])
        if not isinstance(piece, str) and piece[0] != "-":
            spans.add((piece[0], len(text), len(text) + len(value)))
        text += value
    return text, spans


def scores(rows: Sequence[list[Piece]]) -> dict[str, Score]:
    """Return the score of each kind that the rows have, and of all together."""
    right: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    for row in rows:
        text, wanted = labelled(row)
        got = {(span.kind, span.start, span.end) for span in found(text)}
        right.update(kind for kind, _, _ in got & wanted)
        wrong.update(kind for kind, _, _ in got - wanted)
        missed.update(kind for kind, _, _ in wanted - got)
    kinds = [kind for kind in KINDS if right[kind] + wrong[kind] + missed[kind]]
    each = {kind: Score(right[kind], wrong[kind], missed[kind]) for kind in kinds}
    return each | {ALL: Score(right.total(), wrong.total(), missed.total())}


def table() -> Iterator[str]:
    """Yield the lines that tell the scores of each half of the set and of both."""
    halves = HALVES | {"both": [row for half in HALVES.values() for row in half]}
    for half, rows in halves.items():
        yield f"{half}: {len(rows)} rows"
        yield "  kind          spans missed  wrong precision  recall"
        for kind, one in scores(rows).items():
            yield (
                f"  {kind:12} {one.spans:6} {one.missed:6} {one.wrong:6} "
                f"{one.precision:9.1%} {one.recall:7.1%}"
            )


if __name__ == "__main__":
    print("\n".join(table()))
