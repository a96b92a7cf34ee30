"""Requests to the child process, with validated answers."""

from array import array
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from planner.data.isolation import frames, limits, process
from planner.data.rendering.spans import Span
from planner.data.rows.rows import Row

_MOST_NOTES = 100
_TRIES = 3
"""Attempts: a restarted child has to reload a template and a tokenizer."""
Refusal = tuple[str, str]
"""Why a template does not render a row: one of `frames.OF_A_ROW`, and a text."""


class Fault(Exception):
    """A call that failed."""

    def __init__(self, kind: str, said: str = "", place: int = 0) -> None:
        super().__init__(kind, said, place)
        self.kind = kind
        """From the child: `refused` and the like, `memory`, `size`, `tokens` or `broken`; without
        an answer: `late`, `slow` or `ended`."""
        self.said = said
        self.place = place
        """The index of the current row; past the last row, all rows together."""


@dataclass(frozen=True)
class Loaded:
    """A template or tokenizer to load into the child."""

    key: str
    request: dict[str, Any]
    """The request that loads it, with `content`."""
    content: bytes
    seconds: float
    """The time limit for loading."""


@dataclass(frozen=True)
class Tokens:
    """The tokens of one row."""

    ids: "array[int]"
    scored: bytes
    """One byte per token: 1 if it is scored, else 0."""
    offsets: "array[int]"
    """Start and end (exclusive) of each token, in characters; empty if not requested."""
    text: str
    """The rendered text; empty if not requested."""
    notes: tuple[str, ...] = ()
    """The parts of the row that the template may leave out, and does."""


def load(one: Loaded) -> memoryview:
    """Load a template or tokenizer into the child. Raises Fault."""
    return _once(one.request, one.content, (one.seconds,))[1]


def ask(
    needs: Sequence[Loaded],
    request: dict[str, Any],
    content: bytes = b"",
    waits: Sequence[float] = (limits.RENDER_SECONDS,),
) -> tuple[dict[str, Any], memoryview]:
    """Send a request that needs templates or tokenizers, which are loaded again if necessary.

    Raises Fault.
    """
    keys = {one.request["do"]: one.key for one in needs}
    head = request | {"template": keys.get("compile"), "tokenizer": keys.get("load")}
    for _ in range(_TRIES):
        try:
            return _once(head, content, waits)
        except Fault as fault:
            wanted = [one for one in needs if one.key == fault.said]
            if fault.kind != "missing" or not wanted:
                raise
            load(wanted[0])
    raise Fault("broken", "it does not keep what was loaded")


def _once(
    request: dict[str, Any], content: bytes, waits: Sequence[float]
) -> tuple[dict[str, Any], memoryview]:
    try:
        head, raw = process.call(request | {"memory_bytes": limits.MORE_BYTES}, content, waits)
    except process.Ended as ended:
        raise Fault(ended.late or "ended", ended.how, ended.place) from None
    if "fault" in head:
        raise Fault(*_refusal(head, frames.FAULTS), place=_whole(head.get("place", 0)))
    return head, raw


def written(row: Row) -> dict[str, Any]:
    """Return a row in the form of requests."""
    return {
        "messages": [(one.role, one.content, one.more, one.scored) for one in row.messages],
        "tools": row.tools,
    }


def _chars(row: Row) -> int:
    return sum(len(one.content) + len(one.more) for one in row.messages) + len(row.tools)


def row_waits(rows: Sequence[Row]) -> list[float]:
    """Return the time limit in seconds for rendering each row, and last for tokenizing all."""
    turns = [len(row.messages) for row in rows]
    chars = sum(map(_chars, rows))
    return [*map(limits.row_seconds, turns), limits.token_seconds(chars, turns)]


def text_and_spans(head: dict[str, Any], raw: memoryview) -> tuple[str, list[Span]]:
    """Return the text and spans of a `render` or `spans` answer."""
    text = _text(raw)
    spans = head.get("spans")
    if not isinstance(spans, list):
        raise Fault("broken", "invalid spans")
    return text, [(_whole(start), _whole(end)) for start, end in map(_pair, spans)]


def numbers(raw: memoryview) -> "array[int]":
    """Return unsigned 32-bit numbers from bytes."""
    found = array("I")
    if len(raw) % found.itemsize:
        raise Fault("broken", "incomplete numbers")
    found.frombytes(raw)
    return found


def token_rows(
    head: dict[str, Any], raw: memoryview, count: int, *, whole: bool
) -> Iterator[Tokens | Refusal]:
    """Yield the tokens of each of `count` rows from an `encode` answer."""
    rows = head.get("rows")
    if not isinstance(rows, list) or len(rows) != count:
        raise Fault("broken", "a wrong number of rows")
    at = 0

    def taken(size: int) -> memoryview:
        nonlocal at
        at += size
        if at > len(raw):
            raise Fault("broken", "fewer tokens than announced")
        return raw[at - size : at]

    for row in rows:
        if not isinstance(row, dict):
            raise Fault("broken", "invalid rows")
        if "fault" in row:
            yield _refusal(row, frames.OF_A_ROW)
            continue
        tokens = _whole(row.get("tokens"))
        ids, scored = numbers(taken(4 * tokens)), bytes(taken(tokens))
        offsets = numbers(taken(8 * tokens if whole else 0))
        text = _text(taken(_whole(row.get("bytes")))) if whole else ""
        if offsets and max(offsets) > len(text):
            raise Fault("broken", "tokens outside the text")
        yield Tokens(ids, scored, offsets, text, _notes(row.get("notes", [])))


def _notes(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise Fault("broken", "invalid notes")
    return tuple(one[: limits.SAID_CHARS] for one in value[:_MOST_NOTES])


def _refusal(row: dict[str, Any], kinds: Collection[str]) -> Refusal:
    kind, said = row.get("fault"), row.get("said", "")
    if not isinstance(kind, str) or kind not in kinds or not isinstance(said, str):
        raise Fault("broken", "an invalid fault")
    return kind, said[: limits.SAID_CHARS]


def _pair(value: object) -> tuple[object, object]:
    if not isinstance(value, list) or len(value) != 2:
        raise Fault("broken", "invalid spans")
    return value[0], value[1]


def _whole(value: object) -> int:
    if type(value) is not int or not 0 <= value <= limits.ANSWER_BYTES:
        raise Fault("broken", "an invalid number")
    return value


def _text(raw: memoryview) -> str:
    try:
        return bytes(raw).decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        raise Fault("broken", "invalid text") from None
