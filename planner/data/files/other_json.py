"""What to do about files of JSON whose rows are in another form than is read."""

from pathlib import Path
from typing import Any

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice, Command, Fixes
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
