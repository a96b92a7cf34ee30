"""Reads the turns of a conversation from a column: a list of turns, or text as one turn."""

from planner.data.files.json_text import decode_inside
from planner.data.files.raw import RawRow, fault, named
from planner.data.reading import calls
from planner.data.reading.how import How
from planner.data.reading.turn import Turn
from planner.data.rows.rows import Message, in_order

MOST_TURNS = 2048
"""The longest conversation. Every prefix of it is rendered, so time grows with the square of its
turns."""


def said(raw: RawRow, column: str, role: str, how: How) -> list[Message]:
    """Return the turns in a column: its list of turns, or its text as one turn of `role`.

    An assistant may have a list of calls, too.
    """
    value = raw.values.get(column)
    if isinstance(value, list):
        if role == "assistant" and calls.are_calls(value):
            how.account.use(column, "tool calls")
            return [calling(raw, value, column)]
        return turns(raw, column, how)
    return [Message(role, text(raw, column))]


def calling(raw: RawRow, found: object, column: str) -> Message:
    """Return the assistant's turn with the calls in a column."""
    made = calls.calls(raw, found, f"`{column}`")
    return Message("assistant", "", in_order({"tool_calls": made}))


def text(raw: RawRow, column: str) -> str:
    """Return the text in a column. Raises UsageProblem if there is none."""
    if column not in raw.values:
        raise fault(raw, f"has no column `{column}`; it has {named(raw.values)}")
    value = raw.values[column]
    if not isinstance(value, str):
        raise fault(raw, f"has no text in `{column}`")
    return value


def turns(
    raw: RawRow, column: str, how: How, tools: list[tuple[str, object]] | None = None
) -> list[Message]:
    """Return the turns in a column, at least one. Raises UsageProblem for an invalid turn.

    `tools` gets the tools inside system turns, with their paths; without it, they are refused.
    """
    found = raw.values.get(column)
    if not isinstance(found, list) or not found:
        raise fault(raw, f"has no list of turns in `{column}`")
    if len(found) > MOST_TURNS:
        raise fault(raw, f"has {len(found):,} turns; the limit is {MOST_TURNS:,}")
    shapes = how.shapes.setdefault(column, {})
    messages: list[Message] = []
    known = how.roles.seen
    for number, turn in enumerate(found, 1):
        if isinstance(turn, str) and turn.lstrip()[:1] == "{":
            turn = decode_inside(raw, turn, f"message {number}")
        if not isinstance(turn, dict):
            raise fault(raw, f"message {number} is not an object")
        shape = shapes.get(tuple(turn))
        if shape:
            name, content = turn[shape.speaker], turn[shape.content]
            if type(name) is str and type(content) is str and name in known:
                shape.count[0] += 1
                messages.append(Message(known[name], content))
                continue
        Turn(raw, column, number, turn, how, tools).add_to(messages)
    return messages
