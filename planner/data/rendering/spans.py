"""Finds the scored characters of a rendered conversation if its template has no marks.

Every prefix of the conversation is rendered: the text that an assistant turn adds is scored.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import accumulate, takewhile
from typing import NamedTuple

from planner.data.rows.rows import Message

Span = tuple[int, int]
"""Start and end (exclusive) of a part of the text, in characters."""
Render = Callable[[int, bool], str]
"""Renders the first n turns of a conversation, with or without a generation prompt."""
Marked = Callable[[int, bool], tuple[str, list[Span]]]
"""The same, with the spans that the template marks as the assistant's."""
UNSAID = "the end of the prompt "
"""How a note on what an answer does not begin with begins."""
NAMED = 40
"""Characters of a text that a message names."""
_TAGS = (("<", ">"), ("[", "]"))
"""The characters around the tags of templates."""


class Found(NamedTuple):
    """The scored characters of a conversation."""

    text: str
    """The rendered conversation."""
    spans: list[Span]
    """The scored span of each scored turn."""
    unsaid: str = ""
    """The end of a generation prompt with which the answer to it does not begin, as `<think>`;
    empty if all answers do."""


class Rewritten(Exception):
    """A template changes earlier text when a turn is added; contains the number of the turn."""


class LeftOut(Exception):
    """A template omits the assistant's text; contains the beginning of that text."""


def assistant_spans(messages: Sequence[Message], render: Render, *, strict: bool) -> Found:
    """Return the text, and the span of each scored assistant turn including its end.

    With `strict`, each answer has to begin with its generation prompt. Raises Rewritten, LeftOut,
    and what `render` raises.
    """
    text, spans, unsaid = render(len(messages), False), list[Span](), ""
    for index, message in enumerate(messages):
        if message.role != "assistant" or not message.scored:
            continue
        before = render(index, True)
        after = render(index + 1, False) if index + 1 < len(messages) else text
        start = len(before)
        if index and not strict and not after.startswith(before):
            start = _answered(render(index, False), before, after)
            unsaid = unsaid or before[start:].strip()[:NAMED]
        if not (text.startswith(after) and after.startswith(before[:start])):
            raise Rewritten(index + 1)
        spans.append((start, _end(text, start, len(after), message)))
    return Found(text, spans, unsaid)


def _answered(earlier: str, asked: str, after: str) -> int:
    """Return where an answer begins that lacks a tag at the end of its generation prompt.

    Templates of reasoning models open one for the reasoning, which answers need not have. Returns
    the end of the prompt where it is something else that differs.
    """
    begun = len(earlier)
    if not (asked.startswith(earlier) and after.startswith(earlier)):
        return len(asked)
    same = common(asked, after, begun)
    return same if same > begun else len(asked)


def common(asked: str, after: str, begun: int) -> int:
    """Return the end of what a text has of a generation prompt from `begun` on, in complete tags;
    `begun` where the rest of the prompt does not begin with a tag."""
    pairs = zip(asked[begun:], after[begun:], strict=False)
    same = begun + sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    start = same
    for begins, ends in _TAGS:
        tag = asked.rfind(begins, begun, start)
        start = tag if tag > asked.rfind(ends, begun, start) else start
    rest = asked[start:].lstrip()
    return start if not rest or rest.startswith(("<", "[")) else begun


def marked_spans(messages: Sequence[Message], marked: Marked) -> tuple[str, list[Span]]:
    """Return the text, and the spans that the template marks in scored assistant turns.

    A mark is of the turn whose rendering adds it. Raises Rewritten, and what `marked` raises.
    """
    text, spans = marked(len(messages), False)
    kept, begun = list[Span](), 0
    if all(message.scored for message in messages if message.role == "assistant"):
        return text, spans
    for index, message in enumerate(messages):
        if message.role != "assistant":
            continue
        _, found = marked(index + 1, False) if index + 1 < len(messages) else (text, spans)
        if spans[: len(found)] != found or len(found) < begun:
            raise Rewritten(index + 1)
        kept += found[begun:] if message.scored else []
        begun = len(found)
    return text, kept


def _end(text: str, start: int, end: int, message: Message) -> int:
    said = message.content.strip()
    found = text.find(said, start, end)
    if found < 0:  # a template may rewrite reasoning; the last line must still be there
        said = said.splitlines()[-1].strip()
        found = text.find(said, start, end)
    if found < 0:
        raise LeftOut(said[:NAMED])
    return trimmed(text, start, found + len(said), end)


def trimmed(text: str, start: int, said: int, end: int) -> int:
    """Return the end of a turn without the white space behind its end token; with it if no token
    follows what is said, where it ends the turn."""
    visible = max(start, len(text[:end].rstrip()))
    return end if said == visible else visible


def scored(offsets: Sequence[Span], spans: Sequence[Span]) -> bytes:
    """Return one byte per token: 1 if it is scored, else 0.

    A token that crosses the edge of a span is scored, as in transformers.
    """
    ordered = sorted(spans)
    starts = [start for start, _ in ordered]
    ends = list(accumulate((end for _, end in ordered), max, initial=0))
    return bytes(ends[bisect_left(starts, last)] > first for first, last in offsets)
