"""Requests to the child process, and their answers as checked values."""

from array import array
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from planner.data.isolation import frames, limits, process
from planner.data.rendering.spans import Span
from planner.data.rows.rows import Row

_TRIES = 3
"""A child that was ended has forgotten a template and a tokenizer."""
Refusal = tuple[str, str]
"""Why a template does not render a row: `refused`, `rewritten` or `left-out`, and its text."""


class Fault(Exception):
    """A call without an answer."""

    def __init__(self, kind: str, said: str = "", place: int = 0) -> None:
        super().__init__(kind, said, place)
        self.kind = kind
        """What the child says: `refused` and the like, `memory`, `size`, `tokens`, `broken`; and
        `late`, `slow` or `ended` where it says nothing."""
        self.said = said
        self.place = place
        """The row that it was at; behind the last one, all of them."""


@dataclass(frozen=True)
class Loaded:
    """A template or a tokenizer that the child keeps."""

    key: str
    request: dict[str, Any]
    """What gives it to the child, with `content`."""
    content: bytes
    seconds: float
    """How long that may take."""


@dataclass(frozen=True)
class Tokens:
    """One row as the child returns it."""

    ids: "array[int]"
    scored: bytes
    """One byte for each token: 0 where it is not scored."""
    offsets: "array[int]"
    """Two numbers for each token, its first character and the one behind its last; or nothing."""
    text: str
    """Empty where it was not asked for."""


def load(one: Loaded) -> memoryview:
    """Give a template or a tokenizer to the child; raises Fault."""
    return _once(one.request, one.content, (one.seconds,))[1]


def ask(
    needs: Sequence[Loaded],
    request: dict[str, Any],
    content: bytes = b"",
    waits: Sequence[float] = (limits.RENDER_SECONDS,),
) -> tuple[dict[str, Any], memoryview]:
    """Ask something of templates and tokenizers, which the child gets where it has them no more.

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
    raise Fault("broken", "it forgets what it was given")


def _once(
    request: dict[str, Any], content: bytes, waits: Sequence[float]
) -> tuple[dict[str, Any], memoryview]:
    try:
        head, raw = process.call(request | {"bytes": limits.MORE_BYTES}, content, waits)
    except process.Ended as ended:
        raise Fault(ended.late or "ended", ended.how, ended.place) from None
    if "fault" in head:
        raise Fault(*_refusal(head, frames.FAULTS), place=_whole(head.get("place", 0)))
    return head, raw


def written(row: Row) -> dict[str, Any]:
    """Return a row as requests have it."""
    return {
        "messages": [(one.role, one.content, one.more) for one in row.messages],
        "tools": row.tools,
    }


def _chars(row: Row) -> int:
    return sum(len(one.content) + len(one.more) for one in row.messages) + len(row.tools)


def row_waits(rows: Sequence[Row]) -> list[float]:
    """Return the seconds that each row has to be rendered, and last all their tokens."""
    turns = [len(row.messages) for row in rows]
    chars = sum(map(_chars, rows))
    return [*map(limits.row_seconds, turns), limits.token_seconds(chars, turns)]


def text_and_spans(head: dict[str, Any], raw: memoryview) -> tuple[str, list[Span]]:
    """Return what `render` and `spans` answer."""
    text = _text(raw)
    spans = head.get("spans")
    if not isinstance(spans, list):
        raise Fault("broken", "spans that are none")
    return text, [(_whole(start), _whole(end)) for start, end in map(_pair, spans)]


def numbers(raw: memoryview) -> "array[int]":
    """Return numbers of 32 bits."""
    found = array("I")
    if len(raw) % found.itemsize:
        raise Fault("broken", "numbers that are cut")
    found.frombytes(raw)
    return found


def token_rows(
    head: dict[str, Any], raw: memoryview, count: int, *, whole: bool
) -> Iterator[Tokens | Refusal]:
    """Yield what `encode` answers for each of `count` rows."""
    rows = head.get("rows")
    if not isinstance(rows, list) or len(rows) != count:
        raise Fault("broken", "other rows than were asked for")
    at = 0

    def taken(size: int) -> memoryview:
        nonlocal at
        at += size
        if at > len(raw):
            raise Fault("broken", "fewer tokens than it says")
        return raw[at - size : at]

    for row in rows:
        if not isinstance(row, dict):
            raise Fault("broken", "rows that are none")
        if "fault" in row:
            yield _refusal(row, frames.OF_A_ROW)
            continue
        tokens = _whole(row.get("tokens"))
        ids, scored = numbers(taken(4 * tokens)), bytes(taken(tokens))
        offsets = numbers(taken(8 * tokens if whole else 0))
        text = _text(taken(_whole(row.get("bytes")))) if whole else ""
        if offsets and max(offsets) > len(text):
            raise Fault("broken", "tokens outside the text")
        yield Tokens(ids, scored, offsets, text)


def _refusal(row: dict[str, Any], kinds: Collection[str]) -> Refusal:
    kind, said = row.get("fault"), row.get("said", "")
    if not isinstance(kind, str) or kind not in kinds or not isinstance(said, str):
        raise Fault("broken", "a fault that is none")
    return kind, said[: limits.SAID_CHARS]


def _pair(value: object) -> tuple[object, object]:
    if not isinstance(value, list) or len(value) != 2:
        raise Fault("broken", "spans that are none")
    return value[0], value[1]


def _whole(value: object) -> int:
    if type(value) is not int or not 0 <= value <= limits.ANSWER_BYTES:
        raise Fault("broken", "a number that is none")
    return value


def _text(raw: memoryview) -> str:
    try:
        return bytes(raw).decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        raise Fault("broken", "a text that is none") from None
