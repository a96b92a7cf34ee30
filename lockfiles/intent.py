"""`run.toml`: what a person wants, in one level of tables; read with line numbers and written.

Keys, types and defaults are defined by the interview (floor 2); this module handles only the form
of the file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lockfiles import text as toml
from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice, Command
from lockfiles.harmless import one_line

TABLES = ("goal", "data", "model", "machine", "method", "train", "results")
"""The tables of `run.toml`, in the wizard's order."""

MOST_SHOWN_CHARS = 100
"""Most characters that are shown of a wrong key."""


@dataclass(frozen=True)
class RawIntent:
    """The values of a `run.toml` before the interview has checked them."""

    values: Mapping[str, object]
    """`table.key` to value, in the file's order."""
    lines: Mapping[str, int]
    """`table.key` to its 1-based line."""
    name: str = "run.toml"
    """What errors call the file."""


def parse(source: str, *, name: str = "run.toml") -> RawIntent:
    """Return the values of a `run.toml`. Raises UsageProblem where its form is wrong."""
    values: dict[str, object] = {}
    lines, found = toml.key_lines(source), toml.parse(source, name=name)
    if "version" in found and "integrity" in found:
        raise UsageProblem(
            f"`{name}` is a lock; it does not have the answers of a `run.toml`.",
            fix=Command("tunelock run {}", name, to="run it"),
        )
    for table, content in found.items():
        if not isinstance(content, dict):
            line = lines.get(table, 1)
            raise UsageProblem(
                f"`{one_line(table, most=MOST_SHOWN_CHARS)}` on line {line} of `{name}` is not "
                "in a table.",
                fix=Advice(f"put it under one of {', '.join(f'[{known}]' for known in TABLES)}"),
            )
        values.update({f"{table}.{key}": value for key, value in content.items()})
    return RawIntent(values=values, lines=lines, name=name)


def read(path: Path) -> RawIntent:
    """Read a `run.toml` from disk; see `parse`."""
    return parse(toml.read(path), name=str(path))


def write(tables: Mapping[str, Mapping[str, object]]) -> str:
    """Return a canonical `run.toml`: tables in the wizard's order, without empty ones."""
    ordered = {name: tables[name] for name in TABLES if tables.get(name)}
    return toml.write(ordered)
