"""The first rows of a file with the chosen columns."""

import json
from collections.abc import Iterator, Mapping, Sequence

from lockfiles.harmless import joined
from planner.data.files.raw import RawRow
from tui.session.lines import WIDTH, clip

_PARTS = {"prompt": "data.prompt_column", "answer": "data.completion_column"}
_ROOM = WIDTH - 23 - len("row 0  prompt  ")
"""Characters of a value that fit at the design size."""
_LOOKED_AT = 1000
"""Characters of a value that are read to show these."""


def render(rows: Sequence[RawRow], values: Mapping[str, object]) -> str:
    """Return the prompt and the answer of each row, one line each, for chosen columns."""
    return joined(line for number, row in enumerate(rows) for line in _row(number, row, values))


def _row(number: int, row: RawRow, values: Mapping[str, object]) -> Iterator[str]:
    for part, key in _PARTS.items():
        begin = f"row {number}" if part == "prompt" else "     "
        yield f"{begin}  {part}  {clip(_value(row, str(values[key])), _ROOM)}"


def _value(row: RawRow, column: str) -> str:
    if not column:
        return "choose a column below with → or ←"
    if column not in row.values:
        return f"has no column `{column}`"
    value = row.values[column]
    said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return " ".join(said[:_LOOKED_AT].split())
