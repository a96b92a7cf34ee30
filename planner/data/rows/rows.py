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
    """The speaker: `system`, `user`, `assistant` or `tool`; `text` for plain text."""
    content: str
    """The text; may be empty."""
    more: str = ""
    """Other keys that templates use, such as `tool_calls`, as a JSON object; empty without any.

    Names keep the order of the file, since templates print them in that order.
    """
    scored: bool = True
    """Whether an assistant's turn counts in the loss; without meaning for other roles."""


@dataclass(frozen=True, slots=True)
class Row:
    """One training example."""

    messages: tuple[Message, ...]
    """The turns in order, at least one; for a preference, with the chosen answer."""
    rejected: tuple[Message, ...] = ()
    """The turns with the rejected answer, including the prompt; empty if there is none."""
    liked: bool | None = None
    """Whether the answer is good, in feedback data; else None."""
    tools: str = ""
    """The tools, as a JSON list in the order of the file; empty without tools."""

    @property
    def system(self) -> str:
        """The text of the system turn; empty without one."""
        first = self.messages[0]
        return first.content if first.role == "system" else ""

    @property
    def prompt(self) -> str:
        """The turns before the last answer, without the system turn, one per line."""
        said = [m.content for m in self.messages if m.role not in ("system", "text")]
        return "\n".join(said[:-1] if self.messages[-1].role == "assistant" else said)

    @property
    def answer(self) -> str:
        """The last answer, or the plain text; empty without one."""
        last = self.messages[-1]
        return last.content if last.role in ("assistant", "text") else ""


def canonical_json(row: Row) -> bytes:
    """Return a row as UTF-8 JSON without spaces and ASCII escapes.

    Keys are sorted, except inside tools and tool calls: templates print those in order.
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
    """Return a value as JSON without spaces and ASCII escapes, with its keys in order.

    Raises ValueError, TypeError or RecursionError for values that JSON cannot represent.
    """
    return _JSON.encode(value)


def turn(message: Message) -> dict[str, object]:
    """Return a turn as a JSON object, the form that templates receive."""
    said: dict[str, object] = {"role": message.role, "content": message.content}
    return said | json.loads(message.more) if message.more else said


def _sorted(message: Message) -> dict[str, object]:
    """Return a turn with sorted keys; `scored` is one of them only if it is false."""
    unscored: dict[str, object] = {} if message.scored else {"scored": False}
    if not message.more:
        return {"content": message.content, "role": message.role} | unscored
    return dict(sorted((turn(message) | unscored).items()))


def rows_sha256(rows: Iterable[Row]) -> str:
    """Return the SHA-256 (hex) of the rows' canonical JSON, each followed by a newline."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(canonical_json(row) + b"\n")
    return digest.hexdigest()
