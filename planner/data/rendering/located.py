"""Finds the scored characters where a template changes earlier text when a turn is added.

Templates of reasoning models do so: they print the reasoning of the last turn alone, or an empty
one. Each turn is located in the text of the full conversation by its parts, and its edges by what
the template prints around it where it is the last one.
"""

from collections.abc import Callable, Mapping, Sequence

from planner.data.rendering.proof import UNKNOWN, Proof
from planner.data.rendering.spans import NAMED, Found, Render, Rewritten, Span, common, trimmed
from planner.data.rows.rows import Message

Prove = Callable[[int], tuple[str, Proof]]
"""Renders the first n turns of a conversation, and finds their parts."""
_MOST_ASKED = 2000
"""The longest generation prompt that is looked for, in characters; known ones have at most 640."""


def located_spans(messages: Sequence[Message], render: Render, prove: Prove) -> Found:
    """Return the text, and the span of each scored assistant turn including its end.

    Raises Rewritten, and what `render` raises.
    """
    text, proof = prove(len(messages))
    places, spans, unsaid = _places(proof), list[Span](), ""
    for index, message in enumerate(messages):
        if message.role != "assistant" or not message.scored:
            continue
        if index not in places or not index:
            raise Rewritten(index + 1)
        first, last = places[index]
        before = _before(index, places)
        earlier, asked = render(index, False), render(index, True)
        if not asked.startswith(earlier) or len(asked) - len(earlier) > _MOST_ASKED:
            raise Rewritten(index + 1)
        start, lacks = _begin(text, before, first, asked[len(earlier) :])
        after = _after(index, prove)
        if start < before or not text.startswith(after, last):
            raise Rewritten(index + 1)
        spans.append((start, trimmed(text, start, last, last + len(after))))
        unsaid = unsaid or lacks[:NAMED]
    return Found(text, spans, unsaid)


def kept_spans(messages: Sequence[Message], found: Sequence[Span], prove: Prove) -> Found:
    """Return the text, and those of its marked spans that are in scored turns.

    Raises Rewritten for a scored turn without one.
    """
    text, proof = prove(len(messages))
    places, kept = _places(proof), list[Span]()
    for index, message in enumerate(messages):
        if message.role != "assistant" or not message.scored:
            continue
        after = min((first for at, (first, _) in places.items() if at > index), default=len(text))
        before = _before(index, places)
        own = [span for span in found if before <= span[0] < after]
        if not own:
            raise Rewritten(index + 1)
        kept += own
    return Found(text, list(dict.fromkeys(kept)))


def _places(proof: Proof) -> dict[int, Span]:
    """Return where the texts of each message begin and end, by its index."""
    places = dict[int, Span]()
    for at, (start, end) in proof.places.items():
        message = proof.parts[at].message
        if message >= 0 and start < end and (start, end) != UNKNOWN:
            first, last = places.get(message, (start, end))
            places[message] = min(first, start), max(last, end)
    return places


def _before(index: int, places: Mapping[int, Span]) -> int:
    """Return where the texts of the messages before one end."""
    return max((last for at, (_, last) in places.items() if at < index), default=0)


def _begin(text: str, before: int, first: int, asked: str) -> tuple[int, str]:
    """Return where an answer begins between two places of a text, after as much of its generation
    prompt as is there, and the rest of the prompt; -1 if there is none of it."""
    for length in range(len(asked), 0, -1):
        at = text.rfind(asked[:length], before, first)
        if at >= 0:
            same = common(asked, text[at : at + length], 0)
            return (at + same, asked[same:].strip()) if same else (-1, "")
    return -1, ""


def _after(index: int, prove: Prove) -> str:
    """Return what the template prints after the texts of a turn that is the last one."""
    text, proof = prove(index + 1)
    place = _places(proof).get(index)
    if place is None:
        raise Rewritten(index + 1)
    return text[place[1] :]
