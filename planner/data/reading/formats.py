"""Recognizes the format of each row by its content and converts it to a canonical row."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice, Answer, Answers, Change
from planner.data.files.other_json import extract, holders
from planner.data.files.raw import BadRow, RawRow, fault, look, named
from planner.data.reading.account import Account, Key
from planner.data.reading.bad_rows import BadRows, Unread
from planner.data.reading.calls import are_calls
from planner.data.reading.classification import Labelled
from planner.data.reading.columns import with_system
from planner.data.reading.conversion import MAKERS
from planner.data.reading.how import How
from planner.data.reading.packed import CONVERSATIONS, are_turns, column_of, unpacked
from planner.data.reading.pairs import alpaca_of, may_be_pair, pair_of
from planner.data.reading.preference import is_preference, liked
from planner.data.reading.read import every_raw
from planner.data.reading.roles import Roles
from planner.data.rows.rows import Row

Format = Literal[
    "messages",
    "sharegpt",
    "alpaca",
    "prompt-completion",
    "columns",
    "classification",
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
    "classification": "conversation",
    "text": "text",
    "preference": "preference",
    "feedback": "feedback",
}
MIXED = "mixed"
MOST_UNREAD = 1000
"""With so many bad rows before the first good one, the file is not read further."""
MAP_COLUMNS = Answers(
    (
        Answer("data.format", "columns"),
        Change("data.prompt_column"),
        Change("data.completion_column"),
    ),
    command="tunelock data",
    options=("--prompt-column", "--completion-column"),
)

_AS_TURNS = Advice(
    'write the turns of each row as a list: `{"messages": [{"role": "user", "content": "…"}, '
    '{"role": "assistant", "content": "…"}]}`'
)


class Read(NamedTuple):
    """One row with its format and origin."""

    path: Path
    """The file; in a folder, one of its files."""
    place: str
    """As in `RawRow`."""
    format: Format
    row: Row
    number: int = 0
    """The number of the row in the file or folder, from 0."""


@dataclass(frozen=True)
class Table:
    """The rows of a data file or folder."""

    rows: tuple[Row, ...]
    """The rows in file order; at least one."""
    numbers: tuple[int, ...]
    """The number of each row in the file or folder, from 0."""
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
    labelled: Labelled | None = None,
    bad: BadRows | None = None,
) -> Table:
    """Return the rows of a file or folder; raises as `rows_of` does."""
    rows: list[Row] = []
    numbers: list[int] = []
    formats: Counter[Format] = Counter()
    account = Account()
    how: dict[str, Any] = {
        "columns": columns, "system": system, "roles": roles, "labelled": labelled,
    }  # fmt: skip
    for read in rows_of(path, **how, account=account, bad=bad):
        rows.append(read.row)
        numbers.append(read.number)
        formats[read.format] += 1
    return Table(tuple(rows), tuple(numbers), dict(formats.most_common()), account.keys)


def rows_of(
    path: Path,
    *,
    columns: Mapping[str, str] | None = None,
    system: str = "",
    roles: Mapping[str, str] | None = None,
    labelled: Labelled | None = None,
    account: Account | None = None,
    bad: BadRows | None = None,
) -> Iterator[Read]:
    """Yield the rows of a file or folder as `every_row` does; bad rows are added to `bad`.

    Without `bad`, raises BadRow for the first of them.
    """
    rows = every_row(
        path, columns=columns, system=system, roles=roles, labelled=labelled, account=account
    )
    yield from good_rows(rows, bad)


def good_rows(rows: Iterable[Read | Unread], bad: BadRows | None) -> Iterator[Read]:
    """Yield the good rows; bad ones are added to `bad`, or raise their problem without it."""
    for found in rows:
        if isinstance(found, Read):
            yield found
        elif bad is None:
            raise found.problem
        else:
            bad.add(found)


def every_row(
    path: Path,
    *,
    columns: Mapping[str, str] | None = None,
    system: str = "",
    roles: Mapping[str, str] | None = None,
    labelled: Labelled | None = None,
    account: Account | None = None,
) -> Iterator[Read | Unread]:
    """Yield the rows of a file or folder one by one, with only a few in memory; bad rows too.

    `columns` names the `prompt` and `completion` columns and overrides detection. `system` is the
    system message for rows without a system turn and without text in a column `system`. `roles`
    maps names of speakers to roles. `labelled` says that the rows are a classification, and how to
    read it. `account` counts what became of each key.
    Raises UsageProblem, which names the line or row, for a file that cannot be read at all.
    """
    if columns is not None and set(columns) != {"prompt", "completion"}:
        raise UsageProblem("`columns` must name `prompt` and `completion`.", fix=MAP_COLUMNS)
    system = labelled.system if labelled else system
    how = How(columns, system, Roles(roles), account or Account(), labelled)
    first: Read | None = None
    waiting: list[Unread] = []
    for number, raw in enumerate(every_raw(path)):
        found = _read(number, raw, first, how)
        if isinstance(found, Read):
            yield from () if first else waiting
            first = first or found
        elif first is None:
            waiting.append(found)
            if len(waiting) == MOST_UNREAD:
                break
            continue
        yield found
    if first is None and waiting:
        raise waiting[0].problem


def _read(number: int, raw: RawRow, first: Read | None, how: How) -> Read | Unread:
    """Return one row; `first` is the first good row of the file."""
    try:
        if type(raw.values.get("messages")) is not list:
            raw = unpacked(raw)
        found = _format(raw, first, how)
        return Read(raw.path, raw.place, found, _row(raw, found, how), number)
    except BadRow as problem:
        return Unread(number, problem)


def _format(raw: RawRow, first: Read | None, how: How) -> Format:
    """Return the format of a row. Raises BadRow."""
    if raw.problem:
        raise fault(raw, raw.problem)
    if how.labelled:
        return _format_beside(raw, how.labelled)
    # An unrecognized row is read in the format of the first one, to report what it lacks.
    found = "columns" if how.columns else recognize(raw.values) or (first and first.format)
    if found is None:
        raise _unknown(raw)
    if first and KINDS[found] != KINDS[first.format]:
        raise _of_two_kinds(raw, found, first)
    return found


def _format_beside(raw: RawRow, labelled: Labelled) -> Format:
    """Return the format of a row that is to be one of a classification, but may be of another."""
    columns = (labelled.prompt, labelled.completion)
    other = None if all(name in raw.values for name in columns) else recognize(raw.values)
    return other if other and other != "text" else "classification"


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
    if column := column_of(values):
        return "sharegpt" if _is_sharegpt(values[column]) else "messages"
    pair = pair_of(values)
    if pair and all(_is_said(values[name]) for name in pair):
        return "prompt-completion"
    return "text" if isinstance(values.get("text"), str) else None


def _is_said(value: object) -> bool:
    """Return whether a value is text, a list of turns or a list of calls."""
    return isinstance(value, str) or are_turns(value) or are_calls(value)


def _is_sharegpt(found: list[Any]) -> bool:
    first = found[0] if found else None
    return isinstance(first, dict) and "from" in first and "role" not in first


def _row(raw: RawRow, format_: Format, how: How) -> Row:
    return with_system(MAKERS[format_](raw, how), how.system)


def _unknown(raw: RawRow) -> BadRow:
    inside = holders(raw.values) if len(raw.values) == 1 else []
    if inside and raw.place == "line 1":
        return BadRow(raw, f"has its rows in `{inside[0]:.40}`", fix=extract(raw.path, inside[0]))
    what = f"has the columns {named(raw.values)}, which match no format"
    if "chosen" in raw.values and "rejected" in raw.values:
        return BadRow(raw, what, fix=Advice("rename the column with the prompt to `prompt`"))
    return BadRow(raw, what, fix=MAP_COLUMNS if may_be_pair(raw.values) else _AS_TURNS)


def _of_two_kinds(raw: RawRow, found: Format, first: Read) -> BadRow:
    there = f"{first.place}" if first.path == raw.path else f"`{first.path}` {first.place}"
    what = f"has the format `{found}`, but {there} has `{first.format}`; they cannot be mixed"
    return BadRow(raw, what, fix=look(raw.path, raw.place, to="keep one of them"))
