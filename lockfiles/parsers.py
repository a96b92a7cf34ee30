"""Why a text is not JSON or TOML, in the same words for every version of the parsers."""

import json
import re
from collections.abc import Mapping

_JSON: Mapping[str, str] = {
    "Expecting value": "a value is missing or is not valid in JSON",
    "Expecting property name": "a key in double quotes is missing",
    "Expecting ',' delimiter": "a comma or a closing bracket is missing",
    "Expecting ':' delimiter": "a colon after a key is missing",
    "Unterminated string": "a text has no closing quote",
    "Invalid control character": "a text contains a line break or another control character",
    "Invalid \\escape": "a text has a backslash that is not part of an escape such as `\\n`",
    "Invalid \\u": "a `\\u` is not followed by four hexadecimal digits",
    "Extra data": "more text follows the value",
    "Illegal trailing comma": "a comma comes before a closing bracket",
    "Unexpected UTF-8 BOM": "it begins with a byte order mark",
}
"""How the messages of `json` begin, and our words."""
_TOML: Mapping[str, str] = {
    "Expected '=' after a key": "a key must be followed by `=` and a value",
    "Invalid value": "a value must be a number, `true`, `false`, a list, or text in quotes",
    "Unterminated string": "a text has no closing quote",
    "Expected \"'": "a text has no closing quote",
    "Illegal character": "a text contains a line break or another control character",
    "Found invalid character": "it contains a control character",
    "Unescaped '\\'": "a text has a backslash; write it twice, or use single quotes",
    "Invalid hex value": "a `\\u` is not followed by four hexadecimal digits",
    "Escaped character is not": "a text has an escape of a character that does not exist",
    "Unclosed array": "a list has no closing `]`",
    "Unclosed inline table": "a table has no closing `}`",
    "Expected ']": "the name of a table has no closing `]`",
    "Cannot declare": "a table is given twice",
    "Cannot mutate": "a table is given twice",
    "Cannot overwrite": "a key is given twice",
    "Duplicate inline table key": "a key is given twice",
    "Cannot redefine": "a table is given twice",
    "Expected newline": "a value is followed by other text; each key needs a line of its own",
    "Invalid date": "a date does not exist",
    "Invalid initial character": "the name of a key is missing",
    "Invalid statement": "a line must be a `[table]` or `key = value`",
}
"""The same for `tomllib`."""
_POSITION = re.compile(r"\(at (line \d+, column \d+|end of document)\)")


def json_words(fault: json.JSONDecodeError) -> str:
    """Return why a text is not JSON, as a clause without its position."""
    return _translated(fault.msg, _JSON) or "it is not JSON"


def json_place(fault: json.JSONDecodeError) -> str:
    """Return why a text is not JSON, as a clause, and where."""
    return f"{json_words(fault)} (line {fault.lineno}, column {fault.colno})"


def toml_place(fault: ValueError) -> str:
    """Return why a text is not TOML, as a clause, and where."""
    said = str(fault)
    found = _POSITION.search(said)
    where = found[1] if found else ""
    words = _translated(said, _TOML) or "it is not TOML"
    return f"{words} ({where})" if where else words


def _translated(said: str, words: Mapping[str, str]) -> str:
    return next((ours for begins, ours in words.items() if said.startswith(begins)), "")
