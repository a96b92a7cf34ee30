"""Personal data in a row: its turns, tool calls and tools."""

from collections.abc import Iterator
from dataclasses import replace

from planner.data.personal import json_values
from planner.data.personal.find import found, redacted
from planner.data.personal.span import Kind
from planner.data.rows.rows import Message, Row


def kinds_in(row: Row) -> list[Kind]:
    """Return the kind of each piece of personal data in a row; equal texts count once."""
    texts = dict.fromkeys(_texts(row))
    return [span.kind for key, text in texts for span in found(text, key=key)]


def redacted_row(row: Row) -> Row:
    """Return a row with personal data replaced by `[EMAIL]` and so on.

    It covers the content of every turn, including the system's and rejected ones, and the text
    values in `more` and `tools`. Everything else stays the same.
    """
    return replace(
        row,
        messages=tuple(map(_redacted_turn, row.messages)),
        rejected=tuple(map(_redacted_turn, row.rejected)),
        tools=_redacted_json(row.tools),
    )


def _texts(row: Row) -> Iterator[tuple[str, str]]:
    """Yield each text of a row, with its JSON key."""
    for turn in (*row.messages, *row.rejected):
        if turn.content:
            yield "", turn.content
        if turn.more:
            yield from json_values.values(turn.more)
    if row.tools:
        yield from json_values.values(row.tools)


def _redacted_turn(turn: Message) -> Message:
    return replace(turn, content=redacted(turn.content), more=_redacted_json(turn.more))


def _redacted_json(text: str) -> str:
    return json_values.replaced(text, lambda key, value: redacted(value, key=key))
