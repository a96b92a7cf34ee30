"""Rows of JSONL, an object on each line, and of JSON, a list of objects; neither read whole."""

import codecs
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Command
from planner.data.files.json_text import decode, decode_at, why
from planner.data.files.lines import MAX_ROW_BYTES, lines, not_text, too_long
from planner.data.files.opening import opened
from planner.data.files.raw import RawRow, look

CHUNK_BYTES = 2**20
_LONGEST_MARK = len(r"\ud83d\ude00")
_SPACE = re.compile(r"[ \t\n\r]*")


def jsonl(path: Path) -> Iterator[RawRow]:
    """Yield the objects of a file, one on each line; lines of white space are left out."""
    for number, line in lines(path):
        if line.isspace():
            continue
        place = f"line {number}"
        try:
            value = decode(line)
        except (ValueError, RecursionError) as error:
            raise _invalid(path, place, why(error)) from None
        yield _object(path, place, value)


def json_list(path: Path) -> Iterator[RawRow]:
    """Yield the objects of a file that is one list; or, as on the Hub, has one on each line."""
    with opened(path) as file:
        window = _Window(path, file)
        if not window.next():
            return
        if window.next() != "[":
            first = window.value("row 1")
            if isinstance(first, dict) and window.next() == "{":
                yield from jsonl(path)
                return
            raise UsageProblem(
                f"`{path}` is JSON but not a list of rows.", fix=Command("head {}", path)
            )
        yield from _items(path, window)
        window.at += 1
        if window.next():
            raise window.invalid("Extra data")


def _items(path: Path, window: "_Window") -> Iterator[RawRow]:
    """Yield the items of the list that the window stands before, and stop before its end."""
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
        raise window.invalid("Expecting ',' delimiter")


class _Window:
    """The part of a file's text that is looked at; it moves along the file."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self.at = 0
        self._path, self._file, self._text = path, file, ""
        self._lines_before, self._ended = 0, False
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()

    def next(self) -> str:
        """Go to the next character that is no white space and return it; empty at the end."""
        while True:
            found = _SPACE.match(self._text, self.at)
            assert found is not None
            self.at = found.end()
            if self.at < len(self._text):
                return self._text[self.at]
            if not self._read_on():
                return ""

    def value(self, place: str) -> Any:
        """Return the JSON value that comes next, and go behind it."""
        self.next()
        while True:
            try:
                value, self.at = decode_at(self._text, self.at)
                return value
            except (ValueError, RecursionError) as error:
                if len(self._text) - self.at > MAX_ROW_BYTES:
                    raise too_long(self._path, place) from None
                if not (self._is_cut(error) and self._read_on()):
                    self.at = getattr(error, "pos", self.at)
                    raise self.invalid(why(error)) from None

    def _is_cut(self, error: Exception) -> bool:
        """Return whether a value may be wrong only because the window ends within it."""
        if not isinstance(error, json.JSONDecodeError):
            return False
        at_end = error.pos > len(self._text) - _LONGEST_MARK
        return at_end or error.msg.startswith("Unterminated string")

    def invalid(self, said: str) -> UsageProblem:
        """Return the error of text that is no JSON here."""
        return _invalid(self._path, f"line {self._line()}", said)

    def _line(self) -> int:
        return 1 + self._lines_before + self._text.count("\n", 0, self.at)

    def _read_on(self) -> bool:
        """Read more and forget what is behind; return False at the end of the file."""
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
        raise UsageProblem(f"`{path}` {place} is not a JSON object.", fix=look(path, place))
    return RawRow(path, place, value)


def _invalid(path: Path, place: str, said: str) -> UsageProblem:
    return UsageProblem(f"`{path}` {place} is not valid JSON: {said}.", fix=look(path, place))
