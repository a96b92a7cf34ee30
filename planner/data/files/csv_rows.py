"""Reads delimited text with a header: CSV, also with semicolons or tabs, and TSV."""

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice, Command
from planner.data.files.delimiters import NAMES, Dialect, dialect_of
from planner.data.files.lines import MAX_ROW_BYTES, lines, too_long
from planner.data.files.raw import RawRow, doubled, look

_HEADER_ROWS, _HEADER_CHARS, _HEADER_COLUMNS = 1000, 2**20, 200
"""Rows, their characters, and columns that show whether the first line is a header."""
_ENOUGH = 3
"""Lines that are complete records by themselves, between two lines with a wrong quote."""
_WRONG_QUOTES = "has quotes that do not match"
_RETURN = "has a carriage return inside the line"
_NAME_CHARS = 200
"""A longer field of the first line is not the name of a column."""


def csv_rows(path: Path) -> Iterator[RawRow]:
    """Yield the rows after the header, without empty lines and lines of empty fields.

    A row with more or fewer fields than the header, or with wrong quotes, is one with a problem.
    """
    _check_no_json(path)
    dialect = dialect_of(path)
    names: list[str] = []
    for place, fields in _records(path, dialect):
        if names:
            yield _row(path, place, names, fields)
            continue
        if isinstance(fields, str):
            raise _no_header(path, place, fields)
        names = _names(fields)
        _check_names(path, place, names, dialect)


def _check_no_json(path: Path) -> None:
    _, first = next(lines(path), (0, ""))
    if first.startswith('{"'):
        raise UsageProblem(
            f"`{path}` has JSON in its first line, and no names of columns.",
            fix=Command("mv {} {}", path, path.with_suffix(".jsonl"), to="read it as JSON"),
        )


def _no_header(path: Path, place: str, what: str) -> UsageProblem:
    if what != _RETURN:
        return UsageProblem(f"`{path}` {place} {what}.", fix=look(path, place))
    out = f"{path.stem}.lines{path.suffix}"
    return UsageProblem(
        f"`{path}` ends its lines with carriage returns alone.",
        fix=Command("tr '\\r' '\\n' < {} > {}", path, out),
    )


def _row(path: Path, place: str, names: Sequence[str], fields: list[str] | str) -> RawRow:
    if isinstance(fields, str):
        return RawRow(path, place, {}, fields)
    if len(fields) != len(names) and (len(fields) < len(names) or any(fields[len(names) :])):
        count = "1 field" if len(fields) == 1 else f"{len(fields)} fields"
        problem = f"has {count}, but the header has {len(names)}"
        return RawRow(path, place, {}, problem)
    if fields[0] == names[0] and fields[: len(names)] == names:
        return RawRow(path, place, {}, "repeats the header")
    return RawRow(path, place, dict(zip(names, fields, strict=False)))


def _records(path: Path, dialect: Dialect) -> Iterator[tuple[str, list[str] | str]]:
    """Yield the place and the fields of each record, or why it has none."""
    csv.field_size_limit(MAX_ROW_BYTES)
    source = _Lines(path)
    if dialect.declared:
        next(source)
        source.begin()
    reader = dialect.records(source)
    wanted = 0
    while True:
        try:
            fields = next(reader, None)
        except csv.Error:
            yield from _mended(source, dialect, wanted)
        else:
            if fields is None:
                return
            wanted = wanted or len(fields)
            if source.several and len(fields) != wanted:
                yield from _mended(source, dialect, wanted, fields)
            elif any(fields):
                yield source.place, fields
        source.begin()


def _mended(
    source: "_Lines", dialect: Dialect, wanted: int, fields: list[str] | None = None
) -> Iterator[tuple[str, list[str] | str]]:
    """Yield a record of several lines with wrong quotes, or its lines as records of their own.

    `fields` are those of a record with a wrong number of them; None if it has no end. Raises
    UsageProblem if it has no end and its later lines are not clearly records.
    """
    first, *others = source.held
    if _are_records(others, dialect, wanted):
        for at, line in enumerate((first, *others), source.first):
            matches = at > source.first and _matches(line)
            record = next(dialect.records([line])) if matches else _wrong(line)
            yield f"line {at}", record
    elif fields is not None:
        yield source.place, fields
    else:
        raise UsageProblem(
            f"`{source.path}` {source.place} {_WRONG_QUOTES}, so the end of the row is not known.",
            fix=(
                look(source.path, f"line {source.first}"),
                Advice('write each quote inside a quoted field twice (`""`)'),
            ),
        )


def _are_records(held: Sequence[str], dialect: Dialect, wanted: int) -> bool:
    """Return whether each line whose quotes match is a record with the wanted number of fields.

    They must be all lines, or enough not to be a coincidence.
    """
    matching = [line for line in held if _matches(line)]
    if len(matching) < min(len(held), _ENOUGH):
        return False
    try:
        found = [list(dialect.records([line])) for line in matching]
    except csv.Error:
        return False
    return all([len(fields) for fields in one] == [wanted] for one in found)


def _wrong(line: str) -> str:
    return _RETURN if "\r" in line.rstrip("\r\n") and _matches(line) else _WRONG_QUOTES


def _matches(line: str) -> bool:
    return line.count('"') % 2 == 0


class _Lines:
    """The lines of a file, with a limit on the characters of one record."""

    def __init__(self, path: Path) -> None:
        self.path, self._lines = path, lines(path)
        self.first, self._last, self._chars = 1, 0, 0
        self.held: list[str] = []
        """The lines of the record so far."""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        self._last, line = next(self._lines)
        self._chars += len(line)
        if self._chars > MAX_ROW_BYTES:
            raise too_long(self.path, f"line {self.first}")
        self.held.append(line)
        return line

    def begin(self) -> None:
        """Start a new record at the next line."""
        self.first, self._chars = self._last + 1, 0
        self.held.clear()

    @property
    def several(self) -> bool:
        """Whether the record so far has more than one line."""
        return len(self.held) > 1

    @property
    def place(self) -> str:
        """The lines of the record so far, in the form of `RawRow.place`."""
        first, last = self.first, self._last
        return f"line {first}" if last <= first else f"lines {first}-{last}"


def _names(fields: Sequence[str]) -> list[str]:
    """Return the names of the columns: without those of empty columns at the end."""
    names = [name.strip() for name in fields]
    while len(names) > 1 and not names[-1]:
        names.pop()
    return names


def _check_names(path: Path, place: str, names: Sequence[str], dialect: Dialect) -> None:
    twice = doubled(names)
    if twice is not None:
        raise _doubled(path, place, twice)
    rows = list(_first_rows(path, dialect))
    _check_delimiter(path, names, rows, dialect)
    for column, name in enumerate(names[:_HEADER_COLUMNS]):
        if _is_value(name, [row[column] for row in rows if len(row) > column and row != names]):
            raise UsageProblem(
                f"`{path}` has no header: {place} has `{name:.40}`, which is a value and not the "
                "name of a column.",
                fix=Advice("add a first line with the names of the columns, such as `text,label`"),
            )


def _doubled(path: Path, place: str, name: str) -> UsageProblem:
    if not name:
        return UsageProblem(
            f"`{path}` {place} has several columns without a name.",
            fix=Advice("give each column a name of its own in the first line"),
        )
    return UsageProblem(
        f"`{path}` {place} has the column `{name}` twice.",
        fix=Advice(f"rename one of the columns `{name}` in the first line, or remove it"),
    )


def _check_delimiter(
    path: Path, names: Sequence[str], rows: Sequence[Sequence[str]], dialect: Dialect
) -> None:
    """Raise UsageProblem if all rows separate their fields otherwise than the header."""
    if len(names) < 2 or not rows or any(len(row) == len(names) for row in rows):
        return
    joined = [dialect.delimiter.join(row) for row in rows]
    for delimiter, name in NAMES.items():
        fits = all(line.count(delimiter) == len(names) - 1 for line in joined)
        if fits and delimiter != dialect.delimiter:
            raise UsageProblem(
                f"The columns of `{path}` are separated by {dialect.name} in the header and by "
                f"{name} in the rows.",
                fix=Advice(f"write the first line with {name} too"),
            )


def _first_rows(path: Path, dialect: Dialect) -> Iterator[list[str]]:
    """Yield the fields of the first rows after the header."""
    chars = 0
    for _, fields in islice(_records(path, dialect), 1, _HEADER_ROWS):
        if isinstance(fields, list):
            yield fields
            chars += sum(map(len, fields))
        if chars > _HEADER_CHARS:
            return


def _is_value(name: str, values: Sequence[str]) -> bool:
    """Return whether the first field of a column is one of its values, and no name."""
    often = Counter(value.strip() for value in values)[name]
    return bool(name) and (len(name) > _NAME_CHARS or often > (not _is_number(name)))


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).removeprefix("-").isdecimal()
