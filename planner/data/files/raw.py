"""Raw rows of data files, and the errors about them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Command, Fixes

_SHOWN, _SHOWN_CHARS = 10, 40
_PRINT_ROW = {
    ".json": "import json, sys; print(json.load(open(sys.argv[1]))[{row_index}])",
    ".parquet": "import sys, pyarrow.parquet as pq; "
    "print(pq.read_table(sys.argv[1]).slice({row_index}, 1).to_pylist())",
}
"""Python code that prints one row of the file in its first argument, by the suffix of the file."""


@dataclass(frozen=True, slots=True)
class RawRow:
    """One row of a data file, before it is converted."""

    path: Path
    """The file."""
    place: str
    """The place in the file, for messages: `line 3`, `lines 3-5` or `row 3`, counted from 1."""
    values: dict[str, Any]
    """Column name to value."""
    problem: str = ""
    """Why the row cannot be read, to follow its place in a sentence; empty if it can."""
    labels: Mapping[str, Sequence[str]] | None = None
    """By column, the names of numbered labels, if the file has any."""
    fix: Fixes = None
    """What to do about a problem; None for the command that prints the row."""


class BadRow(UsageProblem):
    """A row that cannot be read, in a file whose other rows may be read."""

    def __init__(self, raw: RawRow, what: str, *, fix: Fixes = None) -> None:
        """`what` completes the sentence, such as `has no text in …`."""
        super().__init__(
            f"`{raw.path}` {raw.place} {what}.", fix=fix or raw.fix or look(raw.path, raw.place)
        )
        self.place, self.what = raw.place, what


def look(path: Path, place: str, *, to: str = "") -> Command:
    """Return the command that prints one row; `to` is its purpose, `place` as in `RawRow`."""
    unit, number = place.split()
    if unit.startswith("line"):
        return Command("sed -n {} {}", f"{number.replace('-', ',')}p", path, to=to)
    code = _PRINT_ROW[path.suffix.lower()].format(row_index=int(number) - 1)
    return Command("python3 -c {} {}", code, path, to=to or f"print {place}")


def fault(raw: RawRow, what: str) -> BadRow:
    """Return the error for a row; `what` completes the sentence, such as `has no text in …`."""
    return BadRow(raw, what)


def named(columns: Iterable[str]) -> str:
    """Return the names of columns for a sentence, with a limit on their number and length."""
    names = [f"`{name:.{_SHOWN_CHARS}}`" for name in columns]
    more = [f"{len(names) - _SHOWN} more"] if names[_SHOWN:] else []
    return ", ".join(names[:_SHOWN] + more)


def doubled(names: Iterable[str]) -> str | None:
    """Return a name that occurs more than once, truncated; None if there is none."""
    counts = Counter(names).most_common(1)
    return counts[0][0][:_SHOWN_CHARS] if counts and counts[0][1] > 1 else None
