"""The one shape that every data format becomes, and the digest of a list of rows."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

_JSON = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: str
    """Who speaks: `system`, `user`, `assistant` or `tool`; `text` for text that nobody says."""
    content: str
    """What is said; may be empty."""
    more: str = ""
    """Other keys that templates read, such as `tool_calls`, as a JSON object; else empty.

    Names inside keep the file's order, because templates print them in it.
    """


@dataclass(frozen=True, slots=True)
class Row:
    """One training example."""

    messages: tuple[Message, ...]
    """The turns in order; at least one. Of a preference: those of the answer that was chosen."""
    rejected: tuple[Message, ...] = ()
    """The turns of the answer that was not, its prompt among them; empty where there is none."""
    liked: bool | None = None
    """Whether the answer was a good one, where somebody said so."""
    tools: str = ""
    """What the assistant may call, as a JSON list in the file's order; empty without tools."""

    @property
    def system(self) -> str:
        """What the system turn says; empty without one."""
        first = self.messages[0]
        return first.content if first.role == "system" else ""

    @property
    def prompt(self) -> str:
        """What stands before the last answer, without the system turn, a line for each turn."""
        said = [m.content for m in self.messages if m.role not in ("system", "text")]
        return "\n".join(said[:-1] if self.messages[-1].role == "assistant" else said)

    @property
    def answer(self) -> str:
        """The last answer, or text that nobody says; empty without one."""
        last = self.messages[-1]
        return last.content if last.role in ("assistant", "text") else ""


def canonical_json(row: Row) -> bytes:
    """One row as UTF-8 JSON, no spaces, no ASCII escapes.

    Keys are sorted, but for those inside tools and their calls: templates print them in order.
    """
    value: dict[str, object] = {}
    if row.liked is not None:
        value["label"] = row.liked
    value["messages"] = list(map(_sorted, row.messages))
    if row.rejected:
        value["rejected"] = list(map(_sorted, row.rejected))
    if row.tools:
        value["tools"] = json.loads(row.tools)
    return in_order(value).encode("utf-8", errors="surrogatepass")


def in_order(value: object) -> str:
    """Return JSON without spaces and ASCII escapes, its keys as they stand.

    Raises ValueError, TypeError or RecursionError for what is no JSON.
    """
    return _JSON.encode(value)


def turn(message: Message) -> dict[str, object]:
    """Return a turn as JSON has it, and as templates get it."""
    said: dict[str, object] = {"role": message.role, "content": message.content}
    return said | json.loads(message.more) if message.more else said


def _sorted(message: Message) -> dict[str, object]:
    if not message.more:
        return {"content": message.content, "role": message.role}
    return dict(sorted(turn(message).items()))


def rows_sha256(rows: Iterable[Row]) -> str:
    """SHA-256 (hex) of the rows' canonical JSON, each ended by a newline."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(canonical_json(row) + b"\n")
    return digest.hexdigest()
