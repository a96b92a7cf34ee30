"""Reads JSONL (an object per line) and JSON (a list of objects) incrementally."""

import codecs
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from lockfiles.errors import UsageProblem
from planner.data.files.json_text import decode, decode_at, why
from planner.data.files.lines import MAX_ROW_BYTES, lines, not_text, too_long
from planner.data.files.opening import opened
from planner.data.files.other_json import first_line, large_document, not_rows
from planner.data.files.raw import RawRow, look

CHUNK_BYTES = 2**20
_LONGEST_MARK = len(r"\ud83d\ude00")
_SPACE = re.compile(r"[ \t\n\r]*")


def jsonl(path: Path) -> Iterator[RawRow]:
    """Yield the objects of a file, one per line, without blank lines.

    A line that is not an object is a row with a problem.
    """
    began = False
    for number, line in lines(path):
        if line.isspace():
            continue
        found = _in_line(path, f"line {number}", line)
        yield found if began or not found.problem else _first(found, line)
        began = True


def _in_line(path: Path, place: str, line: str) -> RawRow:
    try:
        return _object(path, place, decode(line))
    except (ValueError, RecursionError) as error:
        return RawRow(path, place, {}, _not_json(error))


def _first(found: RawRow, line: str) -> RawRow:
    """Return the first row of a file, which has a problem, with what to do about the file."""
    try:
        value = decode(line)
    except json.JSONDecodeError:
        value = None
    except (ValueError, RecursionError):
        return found
    problem, fix = first_line(found.path, line, value)
    return replace(found, problem=problem, fix=fix) if problem else found


def json_list(path: Path) -> Iterator[RawRow]:
    """Yield the objects of a JSON list, or of lines: `.json` files on the Hub may be JSONL."""
    with opened(path) as file:
        window = _Window(path, file)
        if not window.next():
            return
        if window.next() != "[":
            first = window.value("row 1", alone=True)
            if isinstance(first, dict) and window.next() == "{":
                yield from jsonl(path)
                return
            raise not_rows(path, first)
        yield from _items(path, window)
        window.at += 1
        if window.next():
            raise window.invalid("more text follows the value")


def _items(path: Path, window: "_Window") -> Iterator[RawRow]:
    """Yield the items of the list at the current position, up to its closing bracket."""
    number, mark = 0, ","
    window.at += 1
    if window.next() == "]":
        return
    while mark == ",":
        number += 1
        place = f"row {number}"
        yield _object(path, place, window.value(place))
        mark = window.next()
        if mark == ",":
            window.at += 1
    if mark != "]":
        raise window.invalid("a comma or a closing bracket is missing")


class _Window:
    """A window on the text of a file, which moves forward."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.at = 0
        self._path, self._file, self._text = path, file, ""
        self._lines_before, self._ended = 0, False
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()

    def next(self) -> str:
        """Skip white space and return the next character; empty at the end."""
        while True:
            found = _SPACE.match(self._text, self.at)
            assert found is not None
            self.at = found.end()
            if self.at < len(self._text):
                return self._text[self.at]
            if not self._read_on():
                return ""

    def value(self, place: str, *, alone: bool = False) -> Any:
        """Return the next JSON value and move past it; `alone` if no list begins the file."""
        self.next()
        while True:
            try:
                value, self.at = decode_at(self._text, self.at)
                return value
            except (ValueError, RecursionError) as error:
                if len(self._text) - self.at > MAX_ROW_BYTES:
                    document = large_document(self._path, self._text[self.at :]) if alone else None
                    raise document or too_long(self._path, place) from None
                if not (self._is_cut(error) and self._read_on()):
                    self.at = getattr(error, "pos", self.at)
                    raise self.invalid(why(error)) from None

    def _is_cut(self, error: Exception) -> bool:
        """Return whether an error may be due to the end of the window."""
        if not isinstance(error, json.JSONDecodeError):
            return False
        at_end = error.pos > len(self._text) - _LONGEST_MARK
        return at_end or error.msg.startswith("Unterminated string")

    def invalid(self, said: str) -> UsageProblem:
        """Return the error for invalid JSON at the current position."""
        return _invalid(self._path, f"line {self._line()}", said)

    def _line(self) -> int:
        return 1 + self._lines_before + self._text.count("\n", 0, self.at)

    def _read_on(self) -> bool:
        """Read more and discard what was read; return False at the end of the file."""
        if self._ended:
            return False
        chunk = self._file.read(CHUNK_BYTES)
        self._lines_before = self._line() - 1
        rest, self.at = self._text[self.at :], 0
        try:
            self._text = rest + self._decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            number = 1 + self._lines_before + rest.count("\n")
            number += error.object.count(b"\n", 0, error.start)
            raise not_text(self._path, number, error.object) from None
        self._ended = not chunk
        return True


def _object(path: Path, place: str, value: object) -> RawRow:
    if not isinstance(value, dict):
        return RawRow(path, place, {}, "is not a JSON object")
    return RawRow(path, place, value)


def _not_json(error: Exception) -> str:
    return f"is not valid JSON: {why(error)}"


def _invalid(path: Path, place: str, said: str) -> UsageProblem:
    return UsageProblem(f"`{path}` {place} is not valid JSON: {said}.", fix=look(path, place))
