"""What the columns of a file hold: texts, labels from a short list, numbers."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lockfiles.harmless import is_harmless
from lockfiles.limits import MOST_LABELS
from planner.data.files.raw import RawRow

LABEL_CHARS = 100
"""Longer values are no labels."""
_MOST_COLUMNS = 200
"""Columns that are looked at."""
_TEXT_WORDS = 2
"""A column of texts has more words in a value on average."""
_NAMED_VARIED, _VARIED = 0.02, 0.5
"""A larger share of texts is different, in a column with the name of one and in others."""
_LABEL_WORDS = 4
_SENTENCE_ROWS = 20
"""A column of labels has at most so many words in a value on average, or so many rows of each."""
_MOST_FRACTIONS = 20
"""Numbers with fractions and more different values are scores."""
_NAMED_ROWS, _ROWS = 2, 4
"""Least average rows of a label, in a column with the name of one and in others."""
FEW_ROWS = 20
"""In a shorter file, the labels of a column with the name of one may all be different."""
_SHARE = 0.9
"""Share of a column's values that must be of its type; the others may be bad rows."""


class Column:
    """Counts the values of one column."""

    def __init__(self) -> None:
        self.filled = 0
        """Rows with a value that is not empty."""
        self.words = 0
        """Words of all values."""
        self.long = 0
        """Characters of all values."""
        self.unlabelled = 0
        """Values that cannot be a label."""
        self.numbers = 0
        """Values that are numbers, also as text, and are no names."""
        self.fractions = 0
        """Of these, how many have a fractional part other than 0."""
        self.texts = 0
        """Values that are text."""
        self.distinct: set[int] = set()
        """Hashes of the different values."""
        self.names: Sequence[str] = ()
        """The names of numbered labels; empty without any."""

    def see(self, raw: RawRow, name: str) -> None:
        """Count a row's value."""
        value = raw.values.get(name)
        if value is None or value in ("", [], {}):
            return
        self.names = names_in(raw, name)
        self.filled += 1
        label = label_of(raw, name)
        said = value if isinstance(value, str) else label or ""
        self.texts += isinstance(value, str)
        self.words += len(said.split())
        self.long += len(said)
        self.unlabelled += label is None
        if isinstance(value, str | int | float) and not self.names:
            self._see_number(value)
        self.distinct.add(hash(said if said else repr(value)))

    def _see_number(self, value: str | float) -> None:
        try:
            number = float(value) if not isinstance(value, bool) else None
        except (ValueError, OverflowError):
            number = None
        if number is not None:
            self.numbers += 1
            self.fractions += number % 1 != 0

    def is_text(self, *, named: bool, words: int = _TEXT_WORDS) -> bool:
        """Return whether it holds texts; by its values alone unless it is `named` like one.

        On average, they have more `words` then.
        """
        if not self.filled or self.texts < _SHARE * self.filled or len(self.distinct) < 2:
            return False
        if self.numbers > (1 - _SHARE) * self.filled:
            return False
        different = len(self.distinct) / self.filled
        if named:
            return different > _NAMED_VARIED
        return different > _VARIED and self.words > words * self.filled

    def is_label(self, rows: int, *, named: bool, sure: bool = False) -> bool:
        """Return whether it holds labels: at least two, few, short, and repeated.

        A column that is not `named` like one needs more rows for each of them. `sure` says that its
        name is one that only columns of labels have: then labels may be sentences.
        """
        kinds = len(self.distinct)
        if self.filled < _SHARE * rows or self.unlabelled > (1 - _SHARE) * self.filled:
            return False
        if not 2 <= kinds <= MOST_LABELS:
            return False
        if self.names:
            return True
        if self.fractions and kinds > _MOST_FRACTIONS:
            return False
        sentence_rows = _ROWS if sure else _SENTENCE_ROWS
        if self.words > _LABEL_WORDS * self.filled and kinds > self.filled / sentence_rows:
            return False
        few = rows < FEW_ROWS and not self.numbers
        return kinds <= self.filled / (_NAMED_ROWS if named else _ROWS) or (named and few)


def columns_of(rows: Iterable[RawRow]) -> tuple[Mapping[str, Column], int]:
    """Return the columns of some rows by name, and the number of rows; bad rows do not count."""
    found: dict[str, Column] = {}
    count = 0
    for raw in rows:
        if raw.problem:
            continue
        count += 1
        for name in raw.values:
            if name not in found and len(found) == _MOST_COLUMNS:
                continue
            found.setdefault(name, Column()).see(raw, name)
    return found, count


def names_in(raw: RawRow, column: str) -> Sequence[str]:
    """Return the names of the numbered labels in a column; empty without any."""
    return raw.labels.get(column, ()) if raw.labels else ()


def label_of(raw: RawRow, column: str) -> str | None:
    """Return the label in a column: its name, or its value unchanged; None without one.

    A number has a name where the file says so. Labels have no white space around them.
    """
    value: Any = raw.values.get(column)
    if isinstance(value, list) and len(value) == 1:
        (value,) = value
    names = names_in(raw, column)
    if names and isinstance(value, int) and not isinstance(value, bool):
        return names[value] if 0 <= value < len(names) else None
    if isinstance(value, bool):
        return "true" if value else "false"
    said = f"{value}" if isinstance(value, int | float) else value
    if not isinstance(said, str):
        return None
    said = said.strip()
    return said if 0 < len(said) <= LABEL_CHARS and is_harmless(said) else None
