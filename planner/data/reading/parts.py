"""Reads the content of a turn that is a list of parts instead of text.

The parts are those of OpenAI (`text`, `input_text`, `output_text`, `refusal`), of Anthropic
(`text`, `thinking`, `tool_use`, `tool_result`) and of Gemini (`{"text": …}` without a type). Texts
are joined without a separator, as chat templates print them.
"""

from dataclasses import dataclass, field
from typing import Any

from lockfiles.fixes import Advice
from planner.data.files.raw import BadRow, RawRow, fault, look
from planner.data.reading.how import How, leave

_TEXTS = ("text", "input_text", "output_text", "summary_text", "refusal")
_REASONING = ("thinking", "reasoning", "reasoning_text")
_CALLS = ("tool_use", "tool_call", "function_call")
_ANSWERS = ("tool_result", "tool_response", "function_call_output")
_CALL_KEYS = ("type", "id", "call_id", "name", "input", "arguments", "args", "parameters",
              "function")  # fmt: skip
_ANSWER_KEYS = ("type", "tool_use_id", "tool_call_id", "call_id", "id", "content", "output", "name")


@dataclass
class Parts:
    """What the parts of one turn say."""

    text: str | None = None
    reasoning: str = ""
    calls: list[dict[str, Any]] = field(default_factory=list)
    """Calls in the form of the file."""
    answers: list[tuple[str, str]] = field(default_factory=list)
    """The id of each call that is answered, and the answer."""
    last: str = ""
    """The type of the last part."""


def are_parts(content: list[Any]) -> bool:
    """Return whether a list is one of parts; a tool may also answer with any other list."""
    known = (*_TEXTS, *_REASONING, *_CALLS, *_ANSWERS)
    return bool(content) and all(
        isinstance(part, dict) and (part.get("type") in known or list(part) == ["text"])
        for part in content
    )


def texts_of(value: object) -> str:
    """Return the joined texts of a list of objects that each have one; empty for anything else."""
    listed = value if isinstance(value, list) else []
    texts = [part.get("text") if isinstance(part, dict) else None for part in listed]
    return "".join(map(str, texts)) if all(isinstance(text, str) for text in texts) else ""


def read(raw: RawRow, number: int, path: str, content: list[Any], how: How) -> Parts:
    """Return what a list of parts says; `number` is the turn's position in the row, from 1.

    `path` is the place of the content, for the account. Raises UsageProblem for parts that are not
    text, and for an order of parts that one turn cannot keep.
    """
    found = Parts()
    for part in content:
        if isinstance(part, str):
            part = {"type": "text", "text": part}
        if not isinstance(part, dict):
            raise fault(raw, f"message {number} has a part in its content that is not an object")
        _read(raw, number, f"{path}[]", part, found, how)
        found.last = f"{part.get('type', 'text')!s:.40}"
    return found


def _read(
    raw: RawRow, number: int, path: str, part: dict[str, Any], found: Parts, how: How
) -> None:
    kind = part.get("type")
    if kind is None and len(part) == 1:
        kind = next(iter(part))
    if kind in _TEXTS:
        _ordered(raw, number, kind, found, not found.calls)
        key, said = _said(raw, number, part, (kind, "text", "content", "value"))
        found.text = (found.text or "") + said
    elif kind in _REASONING:
        _ordered(raw, number, kind, found, not found.calls and not found.text)
        key, said = _said(raw, number, part, (kind, "thinking", "text", "content", "summary"))
        found.reasoning += said
    elif kind in _CALLS:
        _left(raw, path, part, _CALL_KEYS, how)
        found.calls.append(part | {"type": "function"} if "function" in part else part)
        how.account.use(path, "tool calls")
        return
    elif kind in _ANSWERS:
        _ordered(raw, number, kind, found, found.text is None)
        _left(raw, path, part, _ANSWER_KEYS, how)
        found.answers.append(_answer(raw, number, path, part, how))
        how.account.use(path, "tool answers")
        return
    else:
        raise _not_text(raw, number, kind)
    how.account.use(f"{path}.{key}", "reasoning" if kind in _REASONING else "text")
    _left(raw, path, part, ("type", key), how)


def _said(raw: RawRow, number: int, part: dict[str, Any], keys: tuple[str, ...]) -> tuple[str, str]:
    """Return the key with the text of a part, and the text."""
    for key in keys:
        value = part.get(key)
        if isinstance(value, str):
            return key, value
        if isinstance(value, list) and all(isinstance(one, dict) for one in value):
            texts = [one.get("text") for one in value]
            if all(isinstance(one, str) for one in texts):
                return key, "\n\n".join(map(str, texts))
    raise fault(raw, f"message {number} has a part without text in its content")


def _answer(raw: RawRow, number: int, path: str, part: dict[str, Any], how: How) -> tuple[str, str]:
    named = next((part[key] for key in _ANSWER_KEYS[1:5] if part.get(key) is not None), "")
    content = part.get("content", part.get("output"))
    if isinstance(content, list):
        inner = read(raw, number, f"{path}.content", content, how)
        if inner.calls or inner.answers or inner.reasoning:
            raise fault(raw, f"message {number} has a tool's answer with other parts than text")
        content = inner.text
    if not isinstance(content, str):
        raise fault(raw, f"message {number} has a tool's answer without text")
    return str(named), content


def _not_text(raw: RawRow, number: int, kind: object) -> BadRow:
    what = f"message {number} has a part of the type `{kind!s:.40}`; only text is supported"
    return BadRow(raw, what, fix=(Advice("leave such rows out"), look(raw.path, raw.place)))


def _ordered(raw: RawRow, number: int, kind: object, found: Parts, ordered: bool) -> None:
    """Raise BadRow for a part behind others that one turn would print after it."""
    if not ordered:
        what = f"a part of the type `{kind!s:.40}` after one of `{found.last}`"
        raise fault(raw, f"message {number} has {what}, an order that one turn cannot keep")


def _left(raw: RawRow, path: str, part: dict[str, Any], used: tuple[str, ...], how: How) -> None:
    for key, value in part.items():
        if key not in used:
            leave(raw, how, f"{path}.{key}", key, value)
