"""Finds out how a delimited text file separates its fields, from its first lines."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from planner.data.files.lines import lines

COMMA, TAB = ",", "\t"
NAMES = {COMMA: "commas", ";": "semicolons", TAB: "tabs", "|": "vertical bars"}
"""The delimiters that are recognized, and what a sentence calls several of them."""
TAB_ENDINGS = (".tsv", ".tab")
_SAMPLE_LINES, _SAMPLE_CHARS = 1000, 2**18
"""Lines and characters from which the delimiter is recognized."""
_QUOTE_LINES, _QUOTE_CHARS = 200_000, 2**25
"""Lines and characters that show whether a file of tabs quotes its fields."""


@dataclass(frozen=True)
class Dialect:
    """How a file separates its fields."""

    delimiter: str = COMMA
    quoted: bool = True
    """Whether a field in double quotes may contain delimiters and line breaks; otherwise quotes
    are text."""
    spaced: bool = False
    """Whether a space after each delimiter is not part of the field."""
    declared: bool = False
    """Whether the first line is Excel's `sep=` with the delimiter, and no row."""

    def records(self, source: Iterable[str]) -> Iterator[list[str]]:
        """Yield the fields of each record of some lines; a blank line has none.

        Raises csv.Error for quotes that do not match; the next line may be a record again.
        """
        return csv.reader(
            source,
            delimiter=self.delimiter,
            quoting=csv.QUOTE_MINIMAL if self.quoted else csv.QUOTE_NONE,
            skipinitialspace=self.spaced,
            strict=True,
        )

    @property
    def name(self) -> str:
        """The delimiters for a sentence, such as `semicolons`."""
        return NAMES.get(self.delimiter, f"`{self.delimiter}`")


def dialect_of(path: Path) -> Dialect:
    """Return the dialect of a file: commas where its first lines do not show another.

    The delimiter is one that the header has, and that gives the most rows as many fields as the
    header. Commas are preferred, and in `.tsv` files tabs. Raises as `lines` does.
    """
    sample = _sample(path, _SAMPLE_LINES, _SAMPLE_CHARS)
    found = _declared(sample) or _recognized(sample, tabs=path.suffix.lower() in TAB_ENDINGS)
    found = replace(found, spaced=_is_spaced(sample, found))
    if found.delimiter == TAB:
        sample = _sample(path, _QUOTE_LINES, _QUOTE_CHARS)
        return replace(found, quoted=_is_quoted(sample, found))
    return found


def _sample(path: Path, most_lines: int, most_chars: int) -> list[str]:
    """Return the first lines of a file, none of them cut."""
    found: list[str] = []
    chars = 0
    for _, line in islice(lines(path), most_lines):
        found.append(line)
        chars += len(line)
        if chars > most_chars:
            break
    return found


def _declared(sample: Sequence[str]) -> Dialect | None:
    """Return the dialect that a first line such as `sep=;` declares; None without one."""
    line = sample[0].rstrip("\r\n").strip('"') if sample else ""
    delimiter = line[4:5]
    usable = delimiter and not delimiter.isalnum() and delimiter not in "\"' \\"
    if line[:4].lower() != "sep=" or line[5:].strip(",;\t") or not usable:
        return None
    return Dialect(delimiter, declared=True)


def _recognized(sample: Sequence[str], *, tabs: bool) -> Dialect:
    order = sorted(NAMES, key=lambda delimiter: delimiter != (TAB if tabs else COMMA))
    fits = {delimiter: _fit(sample, Dialect(delimiter)) for delimiter in order}
    best = max(order, key=lambda delimiter: fits[delimiter])
    return Dialect(best) if fits[best] else Dialect()


def _fit(sample: Sequence[str], dialect: Dialect) -> float:
    """Return the share of rows with as many fields as the header; 0 if the header has one field."""
    counts = _counts(sample, dialect)
    if not counts or counts[0] < 2:
        return 0.0
    return counts.count(counts[0]) / len(counts)


def _counts(sample: Sequence[str], dialect: Dialect) -> list[int]:
    """Return the number of fields of each record; 0 for one with wrong quotes."""
    found, records = list[int](), dialect.records(sample)
    while True:
        try:
            fields = next(records, None)
        except csv.Error:
            found.append(0)
            continue
        if fields is None:
            return found
        if fields:
            found.append(len(fields))


def _is_quoted(sample: Sequence[str], dialect: Dialect) -> bool:
    """Return False if reading quotes as text gives more complete rows."""
    sample = sample[1:] if dialect.declared else sample
    plain = _counts(sample, replace(dialect, quoted=False))
    quoted = _counts(sample, dialect)
    return plain.count(plain[0]) <= quoted.count(plain[0]) if plain else True


def _is_spaced(sample: Sequence[str], dialect: Dialect) -> bool:
    """Return whether a space follows each delimiter of the header."""
    header = "".join(sample[dialect.declared :][:1])
    _, *fields = header.split(dialect.delimiter)
    return bool(fields) and dialect.delimiter != TAB and all(one[:1] == " " for one in fields)
