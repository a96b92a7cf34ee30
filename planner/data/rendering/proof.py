"""Proves that each part of a conversation reaches its text.

The conversation is rendered again with a mark around each part. If the text is the same except for
the marks, they show where each part is. Where a template reacts to the marks, fewer parts are
marked at a time, down to one.
"""

import json
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from planner.data.rendering.comparison import changed_at, has_more_than_common, is_same, is_there
from planner.data.rendering.parts import Marking, Part, Style, Turn
from planner.data.rendering.spans import Span
from planner.data.rows.rows import Message

Render = Callable[[list[Turn], list[Any] | None], str | None]
"""Renders turns and tools; None if the template refuses them."""
MOST_RENDERINGS = 100
"""Renderings of one conversation in search of its parts; after that, texts
are searched without marks."""
_STYLES: tuple[Style, ...] = ("start", "end", "middle")
_BETWEEN = 30
"""Most characters between the name of an argument and its value."""
_NOWHERE: tuple[list[int], list[int]] = ([], [])
UNKNOWN = (-1, -1)
"""The place of a part that reaches the text somewhere."""


@dataclass(frozen=True, slots=True)
class Lost:
    """A part that does not reach the text as it should."""

    part: Part
    how: str
    """`missing`, `cut` if a piece of it is missing, `unscored` if it is in a scored turn but not in
    the scored text, or `moved` if it is before an earlier turn."""


class Proof:
    """Where the parts of one conversation are in its text."""

    def __init__(
        self, text: str, turns: list[Turn], tools: list[Any] | None, render: Render
    ) -> None:
        self._text, self._turns, self._tools, self._render = text, turns, tools, render
        self._left = MOST_RENDERINGS
        self._nonce = next(one for one in _nonces() if one not in text)
        self._mark = re.compile(rf"~{self._nonce}([01])(\d+)~|{self._nonce}(2)(\d{{6}})(?:\.5)?")
        self.parts: list[Part] = []
        self.places: dict[int, Span] = {}
        """The place of each part that was found; an empty span if only one end of it was."""
        self.cut: set[int] = set()
        """Parts of which a piece is missing."""
        self._find()

    def _find(self) -> None:
        marking = Marking(self._nonce)
        tools = marking.tools(self._tools)
        turns, self.parts = marking.turns(self._turns), marking.parts
        every = [at for at, part in enumerate(self.parts) if part.kind != "word"]
        if not self._all(every, self._render(turns, tools)):
            self._some([at for at in every if self.parts[at].kind == "text"])
        for at, part in enumerate(self.parts):
            if part.kind in ("word", "number") and at not in self.places:
                self._word(at)

    def has_call(self) -> bool:
        """Return whether something of a call is in the text."""
        return any(part.key == "tool_calls" and part.kind != "key" for part in self._reached())

    def is_only_function(self, name: Part) -> bool:
        """Return whether the conversation has no other function than the one with this name, and
        the text something of the call."""
        named = {part.value for part in self.parts if part.path.endswith(".function.name")}
        call = name.path.removesuffix("name")
        return named == {name.value} and any(
            part.message == name.message and part.path.startswith(call) for part in self._reached()
        )

    def _reached(self) -> Iterator[Part]:
        """Yield the parts that reach the text; `null` counts for nothing."""
        found = (self.parts[at] for at in self.places)
        return (part for part in found if part.value is not None)

    def _all(self, wanted: Sequence[int], marked: str | None) -> bool:
        """Take the places of parts from a text with a mark on both sides of each; return whether
        the text is the same except for the marks."""
        found = self._marks(marked)
        if found is None:
            return False
        for at in wanted:
            starts, ends = found.get(at, _NOWHERE)
            if starts or (ends and self.parts[at].kind == "text"):
                self._between(at, starts, ends)
            elif ends:
                self.places[at] = (ends[0], ends[0])
        return True

    def _between(self, at: int, starts: list[int], ends: list[int]) -> None:
        """Take the place of a text, which is cut if a mark or what is between them is missing."""
        start = starts[0] if starts else ends[0]
        end = next((end for end in ends if end >= start), None)
        self.places[at] = (start, start if end is None else end)
        if not starts or end is None or not is_same(self.parts[at].value, self._text[start:end]):
            self.cut.add(at)

    def _some(self, wanted: Sequence[int]) -> None:
        """Look for texts, with fewer marks at a time."""
        if not wanted or self._all(wanted, self._rendered(wanted, "both")):
            return
        if len(wanted) == 1:
            self._one(wanted[0])
            return
        middle = len(wanted) // 2
        self._some(wanted[:middle])
        self._some(wanted[middle:])

    def _one(self, at: int) -> None:
        """Look for a text with one mark, or with none where the template reacts to every mark."""
        found = [self._marks(self._rendered([at], style)) for style in _STYLES]
        seen = [one.get(at, _NOWHERE)[0] for one in found if one is not None]
        place = next((one[0] for one in seen if one), None)
        if place is not None:
            self.places[at] = (place, place)
        if not all(seen):
            self.cut.add(at)
        if not seen:
            self._without_marks(at)

    def _without_marks(self, at: int) -> None:
        """Look for a text where the template reacts to every mark: other letters must change the
        text of the conversation there, or the text is too long for chance."""
        value = self.parts[at].value
        other = self._rendered([at], "swap")
        if other is not None and (place := changed_at(self._text, other, value)):
            self.places[at] = place
        elif is_there(value, self._text):
            self.places[at] = UNKNOWN

    def _word(self, at: int) -> None:
        """Look for a number or word: another one must replace a piece of the text. `null` may be
        left out."""
        value, key = self.parts[at].value, at - 1
        if value is None:
            self.places[at] = UNKNOWN
            return
        if key in self.places and self.parts[key].kind == "key":
            start = self.places[key][1]
            printed = rf"\W{{0,{_BETWEEN}}}{json.dumps(value)}\b"
            if re.match(printed, self._text[start : start + 2 * _BETWEEN], re.IGNORECASE):
                self.places[at] = UNKNOWN
                return
        other = self._rendered([at], "swap")
        if other is None or has_more_than_common(self._text, other):
            self.places[at] = UNKNOWN

    def _rendered(self, wanted: Collection[int], style: Style) -> str | None:
        self._left -= 1
        if self._left < 0:
            return None
        marking = Marking(self._nonce, frozenset(wanted), style)
        tools = marking.tools(self._tools)
        return self._render(marking.turns(self._turns), tools)

    def _marks(self, text: str | None) -> dict[int, tuple[list[int], list[int]]] | None:
        """Return where the marks before and behind parts are in the text; None if the text with
        marks differs in anything else."""
        if text is None:
            return None
        found: dict[int, tuple[list[int], list[int]]] = {}
        pieces: list[str] = []
        length = done = 0
        for mark in self._mark.finditer(text):
            pieces.append(text[done : mark.start()])
            length += mark.start() - done
            done = mark.end()
            at = int(mark[2] or mark[4])
            if at >= len(self.parts):
                return None
            found.setdefault(at, ([], []))[mark[1] != "0"].append(length)
            if mark[3]:
                pieces.append(json.dumps(self.parts[at].value))
                length += len(pieces[-1])
        pieces.append(text[done:])
        return found if "".join(pieces) == self._text else None


def lost(proof: Proof, messages: Sequence[Message], spans: Sequence[Span]) -> list[Lost]:
    """Return the parts of a conversation that do not reach its text, in order.

    `spans` are the scored spans of the text.
    """
    found = list[Lost]()
    begun, latest = dict[int, int](), -1
    for at, part in enumerate(proof.parts):
        if part.kind == "key":
            continue
        place = proof.places.get(at)
        if place is None or at in proof.cut:
            found.append(Lost(part, "missing" if place is None else "cut"))
        elif part.message >= 0 and place != UNKNOWN:
            message = messages[part.message]
            if message.role == "assistant" and message.scored and not _inside(place, spans):
                found.append(Lost(part, "unscored"))
            if message.role != "system":
                begun[part.message] = min(place[0], begun.get(part.message, place[0]))
    for number, start in begun.items():
        if start < latest:
            first = next(part for part in proof.parts if part.message == number)
            found.append(Lost(replace(first, reasoning=False), "moved"))
        latest = max(latest, start)
    return found


def _inside(place: Span, spans: Sequence[Span]) -> bool:
    return any(start <= place[0] and place[1] <= end for start, end in spans)


def _nonces() -> Iterator[str]:
    return (f"{7_310_457 + 104_729 * n}" for n in count())
