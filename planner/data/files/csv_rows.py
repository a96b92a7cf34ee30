"""Reads CSV: comma-separated, with a header; quoted fields may contain line breaks."""

import csv
from collections.abc import Iterator
from pathlib import Path

from lockfiles.errors import UsageProblem
from planner.data.files.lines import MAX_ROW_BYTES, lines, too_long
from planner.data.files.raw import RawRow, doubled, look


def csv_rows(path: Path) -> Iterator[RawRow]:
    """Yield the rows after the header, without empty lines."""
    names: list[str] | None = None
    for place, fields in _records(path):
        if names is None:
            names = fields
            _check_names(path, place, names)
        elif len(fields) != len(names):
            raise UsageProblem(
                f"`{path}` {place} has {len(fields)} fields, but the header has {len(names)}.",
                fix=look(path, place),
            )
        else:
            yield RawRow(path, place, dict(zip(names, fields, strict=True)))


def _records(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the place and the fields of each record."""
    csv.field_size_limit(MAX_ROW_BYTES)
    source = _Lines(path)
    reader = csv.reader(source, strict=True)
    try:
        while (fields := next(reader, None)) is not None:
            if fields:
                yield source.place, fields
            source.begin()
    except csv.Error as error:
        raise UsageProblem(
            f"`{path}` {source.place} is not valid CSV: {error}.", fix=look(path, source.place)
        ) from None


class _Lines:
    """The lines of a file, with a limit on the characters of one record."""

    def __init__(self, path: Path) -> None:
        self._path, self._lines = path, lines(path)
        self._first, self._last, self._chars = 1, 0, 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        self._last, line = next(self._lines)
        self._chars += len(line)
        if self._chars > MAX_ROW_BYTES:
            raise too_long(self._path, f"line {self._first}")
        return line

    def begin(self) -> None:
        """Start a new record at the next line."""
        self._first, self._chars = self._last + 1, 0

    @property
    def place(self) -> str:
        """The lines of the record so far, in the form of `RawRow.place`."""
        first, last = self._first, self._last
        return f"line {first}" if last <= first else f"lines {first}-{last}"


def _check_names(path: Path, place: str, names: list[str]) -> None:
    twice = doubled(names)
    if twice is not None:
        raise UsageProblem(
            f"`{path}` {place} has the column `{twice}` twice.", fix=look(path, place)
        )
