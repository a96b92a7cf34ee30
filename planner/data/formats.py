"""Recognise a data file's format from its content and make canonical rows of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lockfiles.errors import UsageProblem
from planner.data.read import RawRow, look, read_raw
from planner.data.rows import Message, Row

Format = Literal["messages", "alpaca", "prompt-completion", "columns"]
ROLES = ("system", "user", "assistant")
MAP_HINT = 'in run.toml: [data] format = "columns", prompt_column = "…", completion_column = "…"'


@dataclass(frozen=True)
class Table:
    """A data file, understood."""

    format: Format
    """Which of the known formats the file has."""
    rows: tuple[Row, ...]
    """Its rows in file order; at least one."""


def recognise(names: set[str], columns: Mapping[str, str] | None = None) -> Format | None:
    """The format of a row with these column names, or None; `columns` wins over content."""
    if columns:
        return "columns"
    if "messages" in names:
        return "messages"
    if {"instruction", "output"} <= names:
        return "alpaca"
    if {"prompt", "completion"} <= names:
        return "prompt-completion"
    return None


def load_table(path: Path, *, columns: Mapping[str, str] | None = None, system: str = "") -> Table:
    """Read `path` into canonical rows.

    `columns` names the `prompt` and `completion` columns. `system` is put in front of every
    row that has no system turn of its own. Raises UsageProblem, naming the line or row.
    """
    if columns is not None and set(columns) != {"prompt", "completion"}:
        raise UsageProblem("`columns` must name `prompt` and `completion`.", hint=MAP_HINT)
    raw = read_raw(path)
    first = next(raw)
    format_ = recognise(set(first.values), columns)
    if format_ is None:
        names = ", ".join(f"`{name}`" for name in first.values)
        raise UsageProblem(
            f"`{path}` {first.place} has the columns {names}, which are no known format.",
            hint=MAP_HINT,
        )
    rows = tuple(_rows(path, first, raw, format_, columns, system))
    return Table(format_, rows)


def _rows(
    path: Path,
    first: RawRow,
    rest: Iterator[RawRow],
    format_: Format,
    columns: Mapping[str, str] | None,
    system: str,
) -> Iterator[Row]:
    yield _with_system(_turns(path, first, format_, columns), system)
    for raw in rest:
        yield _with_system(_turns(path, raw, format_, columns), system)


def _with_system(turns: list[Message], system: str) -> Row:
    if system and turns[0].role != "system":
        turns = [Message("system", system), *turns]
    return Row(tuple(turns))


def _turns(
    path: Path, raw: RawRow, format_: Format, columns: Mapping[str, str] | None
) -> list[Message]:
    if format_ == "messages":
        return _messages(path, raw)
    if format_ == "alpaca":
        prompt = _text(path, raw, "instruction")
        extra = _text(path, raw, "input") if raw.values.get("input") else ""
        prompt, answer = f"{prompt}\n\n{extra}" if extra else prompt, "output"
    else:
        names = columns or {"prompt": "prompt", "completion": "completion"}
        prompt, answer = _text(path, raw, names["prompt"]), names["completion"]
    return [Message("user", prompt), Message("assistant", _text(path, raw, answer))]


def _text(path: Path, raw: RawRow, name: str) -> str:
    if name not in raw.values:
        there = ", ".join(f"`{one}`" for one in raw.values)
        raise UsageProblem(
            f"`{path}` {raw.place} has no column `{name}`; it has {there}.", hint=MAP_HINT
        )
    value = raw.values[name]
    if not isinstance(value, str):
        raise UsageProblem(
            f"`{path}` {raw.place} has no text in `{name}`.", hint=look(path, raw.place)
        )
    return value


def _messages(path: Path, raw: RawRow) -> list[Message]:
    turns: Any = raw.values.get("messages")
    if not isinstance(turns, list) or not turns:
        raise UsageProblem(
            f"`{path}` {raw.place} has no list of turns in `messages`.",
            hint=look(path, raw.place),
        )
    return [_message(path, raw.place, number, turn) for number, turn in enumerate(turns, 1)]


def _message(path: Path, place: str, number: int, turn: object) -> Message:
    if not isinstance(turn, dict):
        raise UsageProblem(
            f"`{path}` {place} message {number} is not an object.", hint=look(path, place)
        )
    role, content = turn.get("role"), turn.get("content")
    if role not in ROLES:
        raise UsageProblem(
            f"`{path}` {place} message {number} has the role `{role}`, "
            "not `system`, `user` or `assistant`.",
            hint=look(path, place),
        )
    if not isinstance(content, str):
        raise UsageProblem(
            f"`{path}` {place} message {number} has no text in `content`.", hint=look(path, place)
        )
    return Message(role, content)
