"""Names the parts of a conversation that a template leaves out."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from planner.data.rendering.parts import Part
from planner.data.rendering.proof import Lost
from planner.data.rows.rows import Message

_MOST = 3
"""Parts that are named."""
_HOW = {
    "missing": "does not print",
    "cut": "does not print all of",
    "unscored": "does not mark as the assistant's text",
    "moved": "prints before an earlier message",
}


def unanswered(messages: Sequence[Message], parts: Sequence[Part]) -> int:
    """Return the number of the first scored turn without any part, from 1; 0 if there is none.

    Only its end token would be scored.
    """
    said = {part.message for part in parts}
    answers = (n for n, one in enumerate(messages) if one.role == "assistant" and one.scored)
    return next((number + 1 for number in answers if number not in said), 0)


def faults(found: Sequence[Lost], messages: Sequence[Message]) -> str:
    """Return what a template does to parts, as the rest of a sentence; empty if nothing."""
    named = list(_named(found, messages))
    more = f", and {len(named) - _MOST} more" if named[_MOST:] else ""
    return "; it ".join(f"{_HOW[how]} {what}" for how, what in named[:_MOST]) + more


def names(found: Sequence[Lost], messages: Sequence[Message]) -> list[str]:
    """Return the names of parts, such as `reasoning_content` of message 2."""
    return [what for _, what in _named(found, messages)]


def _named(found: Sequence[Lost], messages: Sequence[Message]) -> Iterator[tuple[str, str]]:
    """Yield how parts are lost and their names, together for the parts of one key."""
    for (how, message, key), group in groupby(
        found, key=lambda one: (one.how, one.part.message, one.part.key)
    ):
        parts = [one.part for one in group]
        name = f"`{parts[0].path if len(parts) == 1 else key}`"
        if key == "content" and all(part.reasoning for part in parts):
            name = "the reasoning in `content`"
        of = f" of message {message + 1} (`{messages[message].role}`)" if message >= 0 else ""
        yield how, name + of
