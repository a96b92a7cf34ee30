"""Which characters of a rendered conversation are scored, where its template marks none.

The conversation's beginnings are rendered too: what comes in with an assistant's turn is the
assistant's.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import accumulate

from planner.data.rows.rows import Message

Span = tuple[int, int]
"""The first character of a part of the text, and the one behind its last."""
Render = Callable[[int, bool], str]
"""Renders the first turns of a conversation, so many, with or without what begins an answer."""
_NAMED = 40


class Rewritten(Exception):
    """A template changes earlier text when a turn is added; holds the number of that turn."""


class LeftOut(Exception):
    """A template leaves out what the assistant says; holds the beginning of that."""


def assistant_spans(messages: Sequence[Message], render: Render) -> tuple[str, list[Span]]:
    """Return the text, and each assistant's turn in it with what ends it.

    Raises Rewritten and LeftOut, and what `render` raises.
    """
    text, spans = render(len(messages), False), []
    for index, message in enumerate(messages):
        if message.role != "assistant":
            continue
        before = render(index, True)
        after = render(index + 1, False) if index + 1 < len(messages) else text
        if not (text.startswith(after) and after.startswith(before)):
            raise Rewritten(index + 1)
        spans.append((len(before), _end(text, len(before), len(after), message)))
    return text, spans


def _end(text: str, start: int, end: int, message: Message) -> int:
    # White space after an end-of-turn text is layout; alone, it is what ends the turn.
    said = message.content.strip()
    found = text.find(said, start, end)
    if found < 0:  # a template may rewrite thinking; what comes last must still be there
        said = said.splitlines()[-1].strip()
        found = text.find(said, start, end)
    if found < 0:
        raise LeftOut(said[:_NAMED])
    visible = max(start, len(text[:end].rstrip()))
    return end if found + len(said) == visible else visible


def scored(offsets: Sequence[Span], spans: Sequence[Span]) -> bytes:
    """Return for each token 1 where it is scored, else 0.

    A token that reaches over the edge of a span is scored, as in transformers.
    """
    ordered = sorted(spans)
    starts = [start for start, _ in ordered]
    ends = list(accumulate((end for _, end in ordered), max, initial=0))
    return bytes(ends[bisect_left(starts, last)] > first for first, last in offsets)
