"""Whether the labels of a classification task, or good and bad answers, come about as often."""

from collections.abc import Iterator

from planner.data.checks.finding import Finding
from planner.data.checks.groups import Groups
from planner.data.checks.wording import rows_have, share
from planner.data.rows.rows import Row

LABEL_CHARS = 100
"""Longer answers are no labels."""
MOST_LABELS = 1_000
"""More different answers are no labels."""
STRAY = 0.05
"""Where more of the answers than this share are longer or empty, the others are no labels."""
ROWS_EACH = 10
"""Rows that a label has on average, at least; fewer, and answers only happen to be the same."""
NOTED_RATIO, WARNED_RATIO = 4.0, 10.0
"""The most frequent label's rows to the rarest's. Of two labels, the rarer then has 20% and 9% of
the rows; Google's machine learning course calls under 20% moderate imbalance."""


class Imbalance:
    """`imbalance`: a warning or a note where some labels are much rarer than others.

    Without labels (few different short answers over many rows) it says nothing.
    """

    def __init__(self) -> None:
        self._seen = 0
        self._unlabelled = 0
        self._labels: Groups[str] | None = Groups()

    def see(self, number: int, row: Row) -> None:
        """Keep the row under its label, until the labels turn out to be too many."""
        self._seen = number + 1
        if self._labels is None:
            return
        label = _label(row)
        if not 0 < len(label) <= LABEL_CHARS:
            self._unlabelled += 1
            return
        self._labels.add(label, number)
        if len(self._labels) > MOST_LABELS:
            self._labels = None

    def sizes(self) -> list[tuple[str, int]]:
        """Return the rows of each label, the most first; empty where answers are no labels."""
        labels = self._labels
        if labels is None or self._unlabelled > STRAY * self._seen:
            return []
        return labels.sizes() if self._seen >= ROWS_EACH * max(len(labels), 2) else []

    def findings(self) -> Iterator[Finding]:
        """Yield one finding where the labels are far from balanced."""
        sizes, labels = self.sizes(), self._labels
        if not sizes or labels is None:
            return
        (most, largest), (least, smallest) = sizes[0], sizes[-1]
        if len(sizes) == 1:
            yield Finding(
                id="imbalance",
                severity="warning",
                rows=(),
                said=f"All {self._seen:,} rows have the same label, `{most}`.",
                fix="add rows of the other labels",
            )
        elif largest >= NOTED_RATIO * smallest:
            rare = [label for label, size in sizes if largest >= NOTED_RATIO * size]
            rows = labels.rows(*rare)
            yield Finding(
                id="imbalance",
                severity="warning" if largest >= WARNED_RATIO * smallest else "note",
                rows=rows,
                said=f"{rows_have(len(rows), self._seen)} a rare label: of {len(sizes):,}, "
                f"`{most}` has {largest:,} rows, `{least}` {smallest:,}, "
                f"an even share would be {self._seen / len(sizes):,.0f} "
                f"({share(1, len(sizes))}).",
                fix="add rows of the rare labels, or leave some of the frequent ones out",
            )


def _label(row: Row) -> str:
    if row.liked is not None:
        return "good" if row.liked else "bad"
    return row.answer.strip()
