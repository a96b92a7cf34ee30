"""Scores the end of an answer where a template prints it only when the next turn begins.

GLM's templates are such: `<|user|>` begins a turn and ends the answer before it, and after a
function call `<|observation|>` does. The model generates that token where it stops, so it is scored
behind each answer, and added where a conversation ends with an answer.
"""

from collections.abc import Sequence
from typing import NamedTuple

from planner.data.rendering.spans import Span
from planner.data.rows.rows import Message

_CALLS = '"tool_calls"'


class Ends(NamedTuple):
    """What a template prints between an answer and the next turn: white space and an end token."""

    answer: str = ""
    """Behind an answer; empty where the template prints an end of its own."""
    call: str = ""
    """Behind a turn that calls functions."""


NO_ENDS = Ends()


def closing(messages: Sequence[Message], ends: Ends) -> str:
    """Return what ends a conversation whose last turn is an answer that is scored; else nothing."""
    last = messages[-1]
    if last.role != "assistant" or not last.scored:
        return ""
    return ends.call if _CALLS in last.more else ends.answer


def ended(
    text: str, spans: Sequence[Span], messages: Sequence[Message], ends: Ends
) -> tuple[str, list[Span]]:
    """Return a conversation and its scored spans, each with the end token behind it."""
    through = [(start, _through(text, end, ends)) for start, end in spans]
    closed = text + closing(messages, ends)
    if through and closed != text and not text[through[-1][1] :].strip():
        through[-1] = through[-1][0], len(closed)
    return closed, through


def _through(text: str, end: int, ends: Ends) -> int:
    for one in dict.fromkeys(ends):
        token = one.lstrip()
        at = text.find(token, end) if token else -1
        if at >= end and not text[end:at].strip():
            return at + len(token)
    return end
