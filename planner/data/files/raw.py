"""One row as a file has it, and what is said of a row that is wrong."""

import shlex
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockfiles.errors import UsageProblem

_SHOWN, _SHOWN_CHARS = 10, 40
_PYTHON_SHOWS = {
    ".json": "import json, sys; print(json.load(open(sys.argv[1]))[{at}])",
    ".parquet": "import sys, pyarrow.parquet as p; "
    "print(p.read_table(sys.argv[1]).slice({at}, 1).to_pylist())",
}


@dataclass(frozen=True, slots=True)
class RawRow:
    """One row as the file has it."""

    path: Path
    """The file that it stands in."""
    place: str
    """Where it stands there, for messages: `line 3`, `lines 3-5` or `row 3`, counted from 1."""
    values: dict[str, Any]
    """Column name to value."""


def look(path: Path, place: str) -> str:
    """Return the command that shows one row; `place` as in RawRow."""
    unit, number = place.split()
    name = shlex.quote(str(path))
    if unit.startswith("line"):
        return f"sed -n {number.replace('-', ',')}p {name}"
    code = _PYTHON_SHOWS[path.suffix.lower()].format(at=int(number) - 1)
    return f'python3 -c "{code}" {name}'


def fault(raw: RawRow, what: str) -> UsageProblem:
    """Return the error of a row; `what` goes on from its place, as `has no text in …`."""
    return UsageProblem(f"`{raw.path}` {raw.place} {what}.", hint=look(raw.path, raw.place))


def named(columns: Iterable[str]) -> str:
    """Return the names of columns as a sentence has them: no more than a person reads."""
    names = [f"`{name:.{_SHOWN_CHARS}}`" for name in columns]
    more = [f"{len(names) - _SHOWN} more"] if names[_SHOWN:] else []
    return ", ".join(names[:_SHOWN] + more)


def doubled(names: Iterable[str]) -> str | None:
    """Return a name that stands more than once among the names, cut; None where there is none."""
    counts = Counter(names).most_common(1)
    return counts[0][0][:_SHOWN_CHARS] if counts and counts[0][1] > 1 else None
