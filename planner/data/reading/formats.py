"""Recognizes the format of each row by its content and converts it to a canonical row."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice, Answer, Answers, Change
from planner.data.files.raw import RawRow, look, named
from planner.data.reading.account import Account, Key
from planner.data.reading.columns import with_columns, with_system
from planner.data.reading.how import How
from planner.data.reading.names import is_empty
from planner.data.reading.packed import CONVERSATIONS, OTHERS, are_turns, unpacked
from planner.data.reading.pairs import alpaca_of, pair_of
from planner.data.reading.preference import exchange, feedback, is_preference, liked, preference
from planner.data.reading.read import read_raw
from planner.data.reading.roles import Roles
from planner.data.reading.turns import text, turns
from planner.data.rows.rows import Message, Row

Format = Literal[
    "messages",
    "sharegpt",
    "alpaca",
    "prompt-completion",
    "columns",
    "text",
    "preference",
    "feedback",
]
Kind = Literal["conversation", "text", "preference", "feedback"]
"""The kind of data that a row is; all rows of a file must be of one kind."""
KINDS: dict[Format, Kind] = {
    "messages": "conversation",
    "sharegpt": "conversation",
    "alpaca": "conversation",
    "prompt-completion": "conversation",
    "columns": "conversation",
    "text": "text",
    "preference": "preference",
    "feedback": "feedback",
}
MIXED = "mixed"
MAP_COLUMNS = Answers(
    (
        Answer("data.format", "columns"),
        Change("data.prompt_column"),
        Change("data.completion_column"),
    ),
    command="tunelock data",
    options=("--prompt-column", "--completion-column"),
)


class Read(NamedTuple):
    """One row with its format and origin."""

    path: Path
    """The file; in a folder, one of its files."""
    place: str
    """As in `RawRow`."""
    format: Format
    row: Row


@dataclass(frozen=True)
class Table:
    """The rows of a data file or folder."""

    rows: tuple[Row, ...]
    """The rows in file order; at least one."""
    formats: Mapping[Format, int]
    """Number of rows of each format, most frequent first; all are of one kind."""
    keys: tuple[Key, ...] = ()
    """What became of each key of the file."""

    @property
    def format(self) -> str:
        """The format of all rows, or `mixed`."""
        return next(iter(self.formats)) if len(self.formats) == 1 else MIXED

    @property
    def kind(self) -> Kind:
        """The kind of the rows."""
        return KINDS[next(iter(self.formats))]


def load_table(
    path: Path,
    *,
    columns: Mapping[str, str] | None = None,
    system: str = "",
    roles: Mapping[str, str] | None = None,
) -> Table:
    """Return the rows of a file or folder; raises as `rows_of` does."""
    rows: list[Row] = []
    formats: Counter[Format] = Counter()
    account = Account()
    for read in rows_of(path, columns=columns, system=system, roles=roles, account=account):
        rows.append(read.row)
        formats[read.format] += 1
    return Table(tuple(rows), dict(formats.most_common()), account.keys)


def rows_of(
    path: Path,
    *,
    columns: Mapping[str, str] | None = None,
    system: str = "",
    roles: Mapping[str, str] | None = None,
    account: Account | None = None,
) -> Iterator[Read]:
    """Yield the rows of a file or folder one by one, with only a few in memory.

    `columns` names the `prompt` and `completion` columns and overrides detection. `system` is the
    system message for rows without a system turn and without text in a column `system`. `roles`
    maps names of speakers to roles. `account` counts what became of each key.
    Raises UsageProblem, which names the line or row.
    """
    if columns is not None and set(columns) != {"prompt", "completion"}:
        raise UsageProblem("`columns` must name `prompt` and `completion`.", fix=MAP_COLUMNS)
    how = How(columns, system, Roles(roles), account or Account())
    first: Read | None = None
    for raw in read_raw(path):
        if type(raw.values.get("messages")) is not list:
            raw = unpacked(raw)
        # An unrecognized row is read in the format of the first one, to report what it lacks.
        found = "columns" if columns else recognize(raw.values) or (first and first.format)
        if found is None:
            raise _unknown(raw)
        if first and KINDS[found] != KINDS[first.format]:
            raise _of_two_kinds(raw, found, first)
        read = Read(raw.path, raw.place, found, _row(raw, found, how))
        first = first or read
        yield read


def recognize(values: Mapping[str, Any]) -> Format | None:
    """Return the format of a row with these columns and values, or None."""
    for name in CONVERSATIONS:
        if isinstance(values.get(name), list):
            return "sharegpt" if _is_sharegpt(values[name]) else "messages"
    if is_preference(values):
        return "preference"
    if alpaca_of(values):
        return "alpaca"
    if "prompt" in values and "completion" in values:
        return "prompt-completion" if liked(values) is None else "feedback"
    if "messages" in values:
        return "messages"
    for name in OTHERS:
        if are_turns(values.get(name)):
            return "sharegpt" if _is_sharegpt(values[name]) else "messages"
    pair = pair_of(values)
    if pair and all(isinstance(values[name], str) for name in pair):
        return "prompt-completion"
    return "text" if isinstance(values.get("text"), str) else None


def _is_sharegpt(found: list[Any]) -> bool:
    first = found[0] if found else None
    return isinstance(first, dict) and "from" in first and "role" not in first


def _row(raw: RawRow, format_: Format, how: How) -> Row:
    return with_system(_MAKERS[format_](raw, how), how.system)


def _conversation(raw: RawRow, how: How) -> Row:
    values = raw.values
    column = _column(values)
    inner: list[tuple[str, object]] = []
    row = Row(tuple(turns(raw, column, how, inner)))
    if len(values) == 1 and not inner:
        return row
    return with_columns(raw, row, (column,), how, inner)


def _column(values: Mapping[str, Any]) -> str:
    """Return the column of turns."""
    for name in CONVERSATIONS:
        if isinstance(values.get(name), list):
            return name
    return next((name for name in OTHERS if are_turns(values.get(name))), "messages")


def _alpaca(raw: RawRow, how: How) -> Row:
    answer = alpaca_of(raw.values) or "output"
    prompt = text(raw, "instruction")
    extra = text(raw, "input") if raw.values.get("input") else ""
    asked = Message("user", f"{prompt}\n\n{extra}" if extra else prompt)
    row = Row((asked, Message("assistant", text(raw, answer))))
    parts = {"instruction": "prompt", "input": "prompt", answer: "answer"}
    return _beside(raw, row, parts, how)


def _exchange(raw: RawRow, how: How) -> Row:
    mapped = how.columns
    pair = (mapped["prompt"], mapped["completion"]) if mapped else pair_of(raw.values)
    prompt, answer = pair or ("prompt", "completion")
    row = exchange(raw, prompt, answer, how)
    return _beside(raw, row, {prompt: "prompt", answer: "answer"}, how)


def _text(raw: RawRow, how: How) -> Row:
    row = Row((Message("text", text(raw, "text")),))
    return _beside(raw, row, {"text": "text"}, how)


def _preference(raw: RawRow, how: How) -> Row:
    parts = {"prompt": "prompt", "chosen": "chosen answer", "rejected": "rejected answer"}
    return _beside(raw, preference(raw, how), parts, how)


def _feedback(raw: RawRow, how: How) -> Row:
    parts = {"prompt": "prompt", "completion": "answer", "label": "label"}
    return _beside(raw, feedback(raw, how), parts, how)


def _beside(raw: RawRow, row: Row, parts: Mapping[str, str], how: How) -> Row:
    """Return a row with its other columns; `parts` says what the columns of its format are."""
    for name, became in parts.items():
        value = raw.values.get(name)
        if not is_empty(value) and not isinstance(value, list):
            how.account.use(name, became)
    return with_columns(raw, row, parts, how, one_exchange=True)


_MAKERS: dict[Format, Callable[[RawRow, How], Row]] = {
    "messages": _conversation,
    "sharegpt": _conversation,
    "alpaca": _alpaca,
    "prompt-completion": _exchange,
    "columns": _exchange,
    "text": _text,
    "preference": _preference,
    "feedback": _feedback,
}


def _unknown(raw: RawRow) -> UsageProblem:
    said = f"`{raw.path}` {raw.place} has the columns {named(raw.values)}, which match no format."
    paired = "chosen" in raw.values and "rejected" in raw.values
    return UsageProblem(
        said, fix=Advice("rename the column with the prompt to `prompt`") if paired else MAP_COLUMNS
    )


def _of_two_kinds(raw: RawRow, found: Format, first: Read) -> UsageProblem:
    there = f"{first.place}" if first.path == raw.path else f"`{first.path}` {first.place}"
    return UsageProblem(
        f"`{raw.path}` {raw.place} has the format `{found}`, but {there} has "
        f"`{first.format}`; they cannot be mixed.",
        fix=look(raw.path, raw.place, to="keep one of them"),
    )
