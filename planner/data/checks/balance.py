"""Checks whether the labels of a classification task, or good and bad answers, are balanced."""

from collections.abc import Iterator

from planner.data.checks.finding import Finding
from planner.data.checks.groups import Groups
from planner.data.checks.wording import rows_have, share
from planner.data.rows.rows import Row

LABEL_CHARS = 100
"""Longer answers are not labels."""
MOST_LABELS = 1_000
"""With more distinct answers, answers are not labels."""
STRAY = 0.05
"""If more than this share of answers is too long or empty, answers are not labels."""
ROWS_EACH = 10
"""Minimum average rows per label; with fewer, answers are equal only by chance."""
NOTED_RATIO, WARNED_RATIO = 4.0, 10.0
"""Ratio of rows between the most frequent and the rarest label. With two labels, the rarer one then
has 20% or 9% of the rows; Google's machine learning course calls less than 20% a moderate
imbalance."""


class Imbalance:
    """`imbalance`: a warning or a note if some labels are much rarer than others.

    Labels are few distinct short answers over many rows; without them there is no finding.
    """

    def __init__(self) -> None:
        self._seen = 0
        self._unlabelled = 0
        self._labels: Groups[str] | None = Groups()

    def see(self, number: int, row: Row) -> None:
        """Count the row under its label, until there are too many labels."""
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
        """Return the rows of each label, most frequent first; empty if answers are not labels."""
        labels = self._labels
        if labels is None or self._unlabelled > STRAY * self._seen:
            return []
        return labels.sizes() if self._seen >= ROWS_EACH * max(len(labels), 2) else []

    def findings(self) -> Iterator[Finding]:
        """Yield one finding if the labels are imbalanced."""
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
                fix="add rows with other labels",
            )
        elif largest >= NOTED_RATIO * smallest:
            rare = [label for label, size in sizes if largest >= NOTED_RATIO * size]
            rows = labels.rows(*rare)
            yield Finding(
                id="imbalance",
                severity="warning" if largest >= WARNED_RATIO * smallest else "note",
                rows=rows,
                said=f"{rows_have(len(rows), self._seen)} a rare label: of {len(sizes):,} labels, "
                f"`{most}` has {largest:,} rows and `{least}` {smallest:,}; "
                f"an even share would be {self._seen / len(sizes):,.0f} "
                f"({share(1, len(sizes))}).",
                fix="add rows with rare labels, or remove some with frequent ones",
            )


def _label(row: Row) -> str:
    if row.liked is not None:
        return "good" if row.liked else "bad"
    return row.answer.strip()
