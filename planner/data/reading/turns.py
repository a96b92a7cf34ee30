"""Reads the turns of a conversation from a column: a list of turns, or text as one turn."""

from typing import Any

from planner.data.files.json_text import decode_inside
from planner.data.files.raw import RawRow, fault, named
from planner.data.reading import sharegpt
from planner.data.rows.rows import Message, in_order

ROLES = {role: role for role in ("system", "user", "assistant", "tool")}
"""Maps each role to one shared string, to save memory."""
KEPT = frozenset(
    ["name", "tool_calls", "tool_call_id", "tool_responses", "tool_plan", "reasoning",
     "reasoning_content", "thinking", "recipient", "end_turn"]
)  # fmt: skip
"""Keys of a turn that chat templates use: those in TRL 1.16's `chat_templates`, and Cohere's."""

MOST_TURNS = 2048
"""The longest conversation. Every prefix of it is rendered, so time grows with the square of its
turns."""


def said(raw: RawRow, column: str, role: str) -> list[Message]:
    """Return the turns in a column: its list of turns, or its text as one turn of `role`."""
    if isinstance(raw.values.get(column), list):
        return turns(raw, column)
    return [Message(role, text(raw, column))]


def text(raw: RawRow, column: str) -> str:
    """Return the text in a column. Raises UsageProblem if there is none."""
    if column not in raw.values:
        raise fault(raw, f"has no column `{column}`; it has {named(raw.values)}")
    value = raw.values[column]
    if not isinstance(value, str):
        raise fault(raw, f"has no text in `{column}`")
    return value


def turns(raw: RawRow, column: str) -> list[Message]:
    """Return the turns in a column, at least one. Raises UsageProblem for an invalid turn."""
    found = raw.values.get(column)
    if not isinstance(found, list) or not found:
        raise fault(raw, f"has no list of turns in `{column}`")
    if len(found) > MOST_TURNS:
        raise fault(raw, f"has {len(found):,} turns; the limit is {MOST_TURNS:,}")
    return [_turn(raw, number, turn) for number, turn in enumerate(found, 1)]


def tools(raw: RawRow) -> str:
    """Return the tools in the form of `Row.tools`.

    The column `tools` holds a list, or a list as JSON text: TRL accepts both.
    """
    found = raw.values.get("tools")
    if isinstance(found, str) and found:
        found = decode_inside(raw, found, "`tools`")
    if not found:
        return ""
    if not isinstance(found, list):
        raise fault(raw, "has no list in `tools`")
    return _json(raw, found, "`tools`")


def _turn(raw: RawRow, number: int, turn: object) -> Message:
    if not isinstance(turn, dict):
        raise fault(raw, f"message {number} is not an object")
    if "from" in turn and "role" not in turn:
        turn = sharegpt.turn(raw, number, turn)
    role, content = turn.get("role"), turn.get("content")
    if not isinstance(role, str) or role not in ROLES:
        known = "`system`, `user`, `assistant` or `tool`"
        raise fault(raw, f"message {number} has the role `{role!s:.40}`, which is not {known}")
    if isinstance(content, str) and len(turn) == 2:
        return Message(ROLES[role], content)
    more = _more(raw, number, turn)
    if content is None and turn.get("tool_calls"):
        content = ""
    if not isinstance(content, str):
        raise fault(raw, f"message {number} has no text in `content`")
    return Message(ROLES[role], content, more)


def _more(raw: RawRow, number: int, turn: dict[str, Any]) -> str:
    kept = {key: turn[key] for key in sorted(KEPT.intersection(turn)) if turn[key] is not None}
    calls = kept.get("tool_calls", [])
    if not isinstance(calls, list):
        raise fault(raw, f"message {number} has no list in `tool_calls`")
    if not calls:
        kept.pop("tool_calls", None)
    return _json(raw, kept, f"message {number}") if kept else ""


def _json(raw: RawRow, value: object, where: str) -> str:
    try:
        return in_order(value)
    except (TypeError, ValueError, RecursionError):
        raise fault(raw, f"has values in {where} that JSON cannot represent") from None
