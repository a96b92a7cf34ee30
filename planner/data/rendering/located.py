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
_ENOUGH = 200
"""The last characters of a turn by which it is found first; its parts are looked for otherwise."""


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
        (first, last), before = places[index], _before(index, places)
        asked = _asked(index, render)
        start, lacks = _begin(text, before, first, asked) if asked else (-1, "")
        if not asked or (start < 0 and messages[index - 1].role == "tool"):
            start, lacks = _behind(index - 1, text, places, render, prove), asked.strip()
        end = _behind(index, text, places, render, prove)
        if not before <= start <= first:
            raise Rewritten(index + 1)
        spans.append((start, trimmed(text, start, last, end)))
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


def _asked(index: int, render: Render) -> str:
    """Return what asks for an answer after the messages before it. Raises Rewritten if that changes
    them, or is too long."""
    earlier, asked = render(index, False), render(index, True)
    if not asked.startswith(earlier) or len(asked) - len(earlier) > _MOST_ASKED:
        raise Rewritten(index + 1)
    return asked[len(earlier) :]


def _begin(text: str, before: int, first: int, asked: str) -> tuple[int, str]:
    """Return where an answer begins between two places of a text, after as much of its generation
    prompt as is there, and the rest of the prompt; -1 if there is none of it."""
    for length in range(len(asked), 0, -1):
        at = text.rfind(asked[:length], before, first)
        if at >= 0:
            same = common(asked, text[at : at + length], 0)
            return (at + same, asked[same:].strip()) if same else (-1, "")
    return -1, ""


def _behind(index: int, text: str, places: Mapping[int, Span], render: Render, prove: Prove) -> int:
    """Return where a message ends: behind what the template prints after its texts where it is the
    last one. Raises Rewritten if it prints something else after them here."""
    if index not in places:
        raise Rewritten(index + 1)
    first, last = places[index]
    said = text[max(first, last - _ENOUGH) : last]
    _, found, after = render(index + 1, False).rpartition(said)
    if not (found and text.startswith(after, last)):
        alone, proof = prove(index + 1)
        after = alone[_places(proof).get(index, (0, 0))[1] :]
    if not text.startswith(after, last):
        raise Rewritten(index + 1)
    return last + len(after)
