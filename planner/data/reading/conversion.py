"""Converts rows of each format to canonical rows, without the system message of the file."""

from collections.abc import Callable, Mapping

from planner.data.files.raw import RawRow
from planner.data.reading.classification import row_of
from planner.data.reading.columns import with_columns
from planner.data.reading.how import How
from planner.data.reading.packed import column_of
from planner.data.reading.pairs import alpaca_of, pair_of
from planner.data.reading.preference import exchange, feedback, preference
from planner.data.reading.turns import text, turns
from planner.data.rows.rows import Message, Row


def _conversation(raw: RawRow, how: How) -> Row:
    values = raw.values
    column = column_of(values) or "messages"
    inner: list[tuple[str, object]] = []
    row = Row(tuple(turns(raw, column, how, inner)))
    if len(values) == 1 and not inner:
        return row
    return with_columns(raw, row, {column: "turns"}, how, inner)


def _alpaca(raw: RawRow, how: How) -> Row:
    instruction, more, answer = alpaca_of(raw.values) or ("instruction", "input", "output")
    prompt = text(raw, instruction)
    extra = text(raw, more) if raw.values.get(more) else ""
    asked = Message("user", f"{prompt}\n\n{extra}" if extra else prompt)
    row = Row((asked, Message("assistant", text(raw, answer))))
    parts = {instruction: "prompt", more: "prompt", answer: "answer"}
    return with_columns(raw, row, parts, how, one_exchange=True)


def _exchange(raw: RawRow, how: How) -> Row:
    mapped = how.columns
    pair = (mapped["prompt"], mapped["completion"]) if mapped else pair_of(raw.values)
    prompt, answer = pair or ("prompt", "completion")
    row = exchange(raw, prompt, answer, how)
    return with_columns(raw, row, {prompt: "prompt", answer: "answer"}, how, one_exchange=True)


def _classification(raw: RawRow, how: How) -> Row:
    assert how.labelled
    parts = {how.labelled.prompt: "text", how.labelled.completion: "label"}
    return with_columns(raw, row_of(raw, how.labelled), parts, how, one_exchange=True)


def _text(raw: RawRow, how: How) -> Row:
    row = Row((Message("text", text(raw, "text")),))
    return with_columns(raw, row, {"text": "text"}, how, one_exchange=True)


def _preference(raw: RawRow, how: How) -> Row:
    parts = {"prompt": "prompt", "chosen": "chosen answer", "rejected": "rejected answer"}
    return with_columns(raw, preference(raw, how), parts, how, one_exchange=True)


def _feedback(raw: RawRow, how: How) -> Row:
    parts = {"prompt": "prompt", "completion": "answer", "label": "label"}
    return with_columns(raw, feedback(raw, how), parts, how, one_exchange=True)


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
