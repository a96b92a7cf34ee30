"""What to do about files of JSON whose rows are in another form than is read."""

import json
import re
from pathlib import Path
from typing import Any

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice, Command, Fixes
from planner.data.files.json_text import decode_at
from planner.data.files.raw import named

_LIST = Advice("write the rows as a list of objects: `[{…}, {…}]`")
_LOAD = "import json, sys; found = json.load(open(sys.argv[1])); "
_ONE = _LOAD + "print(json.dumps(found[sys.argv[2]]))"
_EACH = (
    "import json, sys; found = [json.loads(line) for line in open(sys.argv[1]) if line.strip()]; "
    "print(json.dumps([row for one in found for row in one[sys.argv[2]]]))"
)
_VALUES = _LOAD + "print(json.dumps([*found.values()]))"
_COLUMNS = (
    _LOAD
    + "columns = [[*one.values()] if isinstance(one, dict) else one for one in found.values()]; "
    + "print(json.dumps([dict(zip(found, row)) for row in zip(*columns)]))"
)
_RUN = "python3 -c {} {} > {}"
_SPEAKERS = ("role", "from")
_SPACE = re.compile(r"[ \t\n\r]*")
_TABLE_MARKS = (",", "\t", ";")


def not_rows(path: Path, found: object) -> UsageProblem:
    """Return the error for a `.json` file with one value that is not a list of rows."""
    if not isinstance(found, dict) or not found:
        return UsageProblem(f"`{path}` is JSON, but not a list of rows.", fix=_LIST)
    values, out = [*found.values()], path.with_suffix(".rows.json")
    if inside := holders(found):
        return UsageProblem(
            f"`{path}` is one JSON object with rows in {named(inside)}, and not a list of rows.",
            fix=extract(path, inside[0]),
        )
    if _are_columns(values):
        return UsageProblem(
            f"`{path}` has a list for each of the columns {named(found)}, and not a list of rows.",
            fix=Command(_RUN, _COLUMNS, path, out),
        )
    if len(values) > 1 and all(isinstance(one, dict) and one for one in values):
        return UsageProblem(
            f"`{path}` is one JSON object with a row under each key, and not a list of rows.",
            fix=Command(_RUN, _VALUES, path, out),
        )
    return UsageProblem(f"`{path}` is JSON, but not a list of rows.", fix=_LIST)


def large_document(path: Path, text: str) -> UsageProblem | None:
    """Return the error for a `.json` file that begins with an object too large for a row; `text` is
    its beginning. None if the object begins like a row, and not like a document with rows in it."""
    key, value = _cut(text)
    if is_list_of_rows(value):
        return UsageProblem(
            f"`{path}` is one JSON object with rows in {named([key])}, and not a list of rows.",
            fix=extract(path, key),
        )
    listed = isinstance(value, list) and not isinstance(value[0], dict)
    if listed or (isinstance(value, dict) and all(map(str.isdecimal, value))):
        return UsageProblem(
            f"`{path}` has a list for each of its columns, and not a list of rows.",
            fix=Command(_RUN, _COLUMNS, path, path.with_suffix(".rows.json")),
        )
    return None


def _cut(text: str) -> tuple[str, object]:
    """Return the key of an object at whose value its text is cut, and the value's beginning.

    Of a list that is its first item, in a list; of an object, its first member.
    """
    place = _Place(text)
    try:
        place.past("{")
        while True:
            key = str(place.value())
            place.past(":")
            begun = place.at
            if not place.is_whole():
                place.at = begun
                return key, place.opened()
            place.past(",")
    except (ValueError, RecursionError):
        return "", None


class _Place:
    """A position in a text of JSON, which moves forward."""

    def __init__(self, text: str) -> None:
        self.at, self._text = 0, text

    def past(self, mark: str) -> None:
        """Move past a mark. Raises ValueError if it is not there."""
        self._skip()
        if not self._text.startswith(mark, self.at):
            raise ValueError(mark)
        self.at += 1
        self._skip()

    def value(self) -> object:
        """Return the value at this position and move past it; raises as `decode_at` does."""
        found, self.at = decode_at(self._text, self.at)
        return found

    def is_whole(self) -> bool:
        """Move past the value at this position; return False if the text ends before its end."""
        try:
            self.value()
        except json.JSONDecodeError:
            return False
        return True

    def opened(self) -> object:
        """Return a list of the first item of a list, or an object of its first member."""
        if self._text.startswith("[", self.at):
            self.past("[")
            return [self.value()]
        self.past("{")
        key = self.value()
        self.past(":")
        return {key: self.value()}

    def _skip(self) -> None:
        found = _SPACE.match(self._text, self.at)
        self.at = found.end() if found else self.at


def holders(found: dict[str, Any]) -> list[str]:
    """Return the keys of an object that hold a list of rows; a list of turns is none."""
    return [key for key, value in found.items() if is_list_of_rows(value)]


def is_list_of_rows(value: object) -> bool:
    """Return whether a value is a list of objects that are no turns."""
    first = value[0] if isinstance(value, list) and value else None
    return isinstance(first, dict) and not any(key in first for key in _SPEAKERS)


def extract(path: Path, key: str) -> Command:
    """Return the command that writes the rows under a key of a file's objects to a new file."""
    code = _ONE if path.suffix.lower() == ".json" else _EACH
    return Command("python3 -c {} {} {} > {}", code, path, key, path.with_suffix(".rows.json"))


def first_line(path: Path, line: str, value: object) -> tuple[str, Fixes]:
    """Return what is wrong with the first line of a `.jsonl` file, and what to do about it.

    `value` is its JSON, None if it has none. Both are empty if nothing better can be said than for
    any other line.
    """
    text = line.strip("\ufeff \t\r\n")
    as_json = Command("mv {} {}", path, path.with_suffix(".json"), to="read it as one list")
    if is_list_of_rows(value):
        return "is a JSON list of rows, and not one row", as_json
    if isinstance(value, list) and value and isinstance(value[0], dict):
        turns = Advice('write each line as an object with its turns: `{"messages": […]}`')
        return "is a list of turns, and not an object", turns
    if value is None and text[:1] == "[":
        return "is not valid JSON: it begins a list over several lines", as_json
    if value is None and text == "{":
        out = path.with_suffix(".rows.jsonl")
        return (
            "is not valid JSON: it begins an object over several lines, but each line must be one",
            Command("jq -c . {} > {}", path, out),
        )
    if value is None and text[:1] not in '{["' and any(mark in text for mark in _TABLE_MARKS):
        as_table = Command("mv {} {}", path, path.with_suffix(".csv"), to="read it as a table")
        return "is not valid JSON, and may be the header of a table", as_table
    return "", None


def _are_columns(values: list[Any]) -> bool:
    """Return whether values are columns: lists of one length, or, as pandas writes them, objects
    with the numbers of the rows as keys."""
    if all(isinstance(one, list) for one in values):
        return len({len(one) for one in values}) == 1 and len(values) > 1
    if not all(isinstance(one, dict) and one for one in values):
        return False
    return all([*one] == [*values[0]] for one in values) and all(map(str.isdecimal, values[0]))
