"""`run.toml`: what a person wants. One level of tables, read with line numbers and written back.

Which keys exist, their types and their defaults is the interview's (floor 2); this module
knows only the file's form.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lockfiles import text as toml
from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice
from lockfiles.harmless import one_line

TABLES = ("goal", "data", "model", "machine", "method", "train", "results")
"""The tables of `run.toml`, in the wizard's order."""

MOST_SHOWN_CHARS = 100
"""What is shown at most of a key that is wrong."""


@dataclass(frozen=True)
class RawIntent:
    """The values of a `run.toml` before the interview has checked them."""

    values: Mapping[str, object]
    """`table.key` to value, in the file's order."""
    lines: Mapping[str, int]
    """`table.key` to the 1-based line where it stands."""
    name: str = "run.toml"
    """What errors call the file."""


def parse(source: str, *, name: str = "run.toml") -> RawIntent:
    """Return the flat values of a `run.toml`. Raises UsageProblem where its form is wrong."""
    values: dict[str, object] = {}
    lines = toml.key_lines(source)
    for table, content in toml.parse(source, name=name).items():
        if not isinstance(content, dict):
            line = lines.get(table, 1)
            raise UsageProblem(
                f"`{one_line(table, most=MOST_SHOWN_CHARS)}` on line {line} of `{name}` stands "
                "outside a table.",
                fix=Advice(f"put it under one of {', '.join(f'[{known}]' for known in TABLES)}"),
            )
        values.update({f"{table}.{key}": value for key, value in content.items()})
    return RawIntent(values=values, lines=lines, name=name)


def read(path: Path) -> RawIntent:
    """Read a `run.toml` from disk; see `parse`."""
    return parse(toml.read(path), name=str(path))


def write(tables: Mapping[str, Mapping[str, object]]) -> str:
    """Return a canonical `run.toml`: tables in the wizard's order, empty ones left out."""
    ordered = {name: tables[name] for name in TABLES if tables.get(name)}
    return toml.write(ordered)
