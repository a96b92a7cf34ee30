"""Converts rows of each format to canonical rows, without the system message of the file."""

from collections.abc import Callable, Mapping
from typing import Any

from planner.data.files.raw import RawRow
from planner.data.reading.classification import row_of
from planner.data.reading.columns import with_columns
from planner.data.reading.how import How
from planner.data.reading.names import is_empty
from planner.data.reading.packed import CONVERSATIONS, OTHERS, are_turns
from planner.data.reading.pairs import alpaca_of, pair_of
from planner.data.reading.preference import exchange, feedback, preference
from planner.data.reading.turns import text, turns
from planner.data.rows.rows import Message, Row


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


def _classification(raw: RawRow, how: How) -> Row:
    assert how.labelled
    parts = {how.labelled.prompt: "text", how.labelled.completion: "label"}
    return _beside(raw, row_of(raw, how.labelled), parts, how)


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


MAKERS: Mapping[str, Callable[[RawRow, How], Row]] = {
    "messages": _conversation,
    "sharegpt": _conversation,
    "alpaca": _alpaca,
    "prompt-completion": _exchange,
    "columns": _exchange,
    "classification": _classification,
    "text": _text,
    "preference": _preference,
    "feedback": _feedback,
}
"""By format, the function that converts a row."""
