"""Findings on a file: how its fields are separated, and the labels of held-out rows."""

from collections.abc import Iterator
from pathlib import Path

from planner.data.checks.finding import Finding
from planner.data.checks.wording import several
from planner.data.files.delimiters import COMMA, TAB, TAB_ENDINGS, dialect_of
from planner.data.reading.classification import Labelled
from planner.data.reading.read import data_files
from planner.data.rows.rows import Row

_DELIMITED = (".csv", *TAB_ENDINGS)
_NAMED, _NAME_CHARS = 5, 40


def delimiters(path: Path) -> Iterator[Finding]:
    """Yield a note on a file whose name does not say how its fields are separated.

    In a folder, only the first such file is named.
    """
    for file in data_files(path):
        ending = file.suffix.lower()
        if ending not in _DELIMITED:
            return
        dialect = dialect_of(file)
        if dialect.delimiter != (TAB if ending in TAB_ENDINGS else COMMA):
            yield Finding(
                id="delimiter",
                severity="note",
                rows=(),
                said=f"The fields of `{file}` are separated by {dialect.name}.",
                fix="",
            )
            return


def alike(labelled: Labelled) -> Iterator[Finding]:
    """Yield a warning on labels that differ only in case or white space."""
    same: dict[str, list[str]] = {}
    for label in labelled.labels:
        same.setdefault(" ".join(label.casefold().split()), []).append(label)
    groups = [labels for labels in same.values() if len(labels) > 1]
    if groups:
        named = "; ".join(", ".join(f"`{one:.{_NAME_CHARS}}`" for one in labels[:_NAMED])
                          for labels in groups[:_NAMED])  # fmt: skip
        yield Finding(
            id="labels",
            severity="warning",
            rows=(),
            said=f"{several(len(groups), 'label')} {'is' if len(groups) == 1 else 'are'} written "
            f"in different ways: {named}.",
            fix="write each label in one way",
        )


def doubtful(labelled: Labelled) -> Iterator[Finding]:
    """Yield a warning if other columns could be the one of labels."""
    if labelled.doubt:
        yield Finding(
            id="labels",
            severity="warning",
            rows=(),
            said=labelled.doubt,
            fix="name the column that you mean: `data.completion_column`, `--completion-column`",
        )


class HeldOutLabels:
    """`labels`: a warning for held-out rows with labels that no training row has."""

    def __init__(self, labelled: Labelled) -> None:
        self._known = frozenset(labelled.labels)
        self._rows: dict[str, list[int]] = {}

    def see(self, number: int, row: Row) -> None:
        """Keep the row's number if its label is not known."""
        if row.answer not in self._known:
            self._rows.setdefault(row.answer, []).append(number)

    def findings(self) -> Iterator[Finding]:
        """Yield one finding if there are such rows."""
        if self._rows:
            yield Finding(
                id="labels",
                severity="warning",
                rows=sorted(number for rows in self._rows.values() for number in rows),
                said=only_held_out(sorted(self._rows), "rows"),
                fix="add training rows with those labels, or correct them",
            )


def only_held_out(labels: list[str], where: str) -> str:
    """Return a sentence on labels that only held-out rows have."""
    named = ", ".join(f"`{label:.{_NAME_CHARS}}`" for label in labels[:_NAMED])
    more = f" and {len(labels) - _NAMED:,} more" if labels[_NAMED:] else ""
    found = f"{several(len(labels), 'label')} of the {where}"
    verb = "is" if len(labels) == 1 else "are"
    return f"{found} {verb} not in the training file: {named}{more}."
