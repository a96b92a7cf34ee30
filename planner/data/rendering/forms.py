"""The form of tools, tool calls and content that a template takes.

Rows have one form: tools and calls with `function`, arguments as objects, and content as text.
Templates differ: some take arguments as JSON text, some tools without `function`, some content as a
list of parts, and some call ids of nine characters.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any, Literal

from planner.data.rendering.parts import REASONING, Turn

Arguments = Literal["object", "text"]
Silent = Literal["empty", "absent", "null"]
Ids = Literal["given", "any", "nine"]
_NINE = re.compile("[A-Za-z0-9]{9}")


@dataclass(frozen=True, slots=True)
class Form:
    """What a template takes."""

    parts: bool = False
    """Content as a list of parts, instead of text."""
    arguments: Arguments = "object"
    """Arguments of calls as an object, or as JSON text."""
    silent: Silent = "empty"
    """The content of a turn that only calls tools."""
    ids: Ids = "given"
    """Ids of calls: only those that the row has, one for each call, or of nine characters."""
    flat_calls: bool = False
    """Calls without `function`."""
    flat_tools: bool = False
    """Tools without `function`."""


def normal(turns: list[Turn]) -> list[Turn]:
    """Return turns whose calls have objects as arguments, also where a row has JSON text."""
    return [
        turn | {"tool_calls": list(map(_with_object, turn["tool_calls"]))}
        if isinstance(turn.get("tool_calls"), list)
        else turn
        for turn in turns
    ]


def _with_object(call: Any) -> Any:
    if not _has_function(call) or not isinstance(call["function"].get("arguments"), str):
        return call
    arguments = _object(call["function"]["arguments"])
    return call | {"function": call["function"] | {"arguments": arguments}}


def shaped_tools(tools: list[Any] | None, form: Form) -> list[Any] | None:
    """Return tools in the form that a template takes."""
    if tools is None or not form.flat_tools:
        return tools
    return [tool["function"] if _has_function(tool) else tool for tool in tools]


def with_ids(turns: list[Turn], form: Form) -> list[Turn]:
    """Return turns with the ids of calls that a template needs."""
    if form.ids == "given":
        return turns
    ids, made = _CallIds(form), list[Turn]()
    for number, turn in enumerate(turns):
        if isinstance(turn.get("tool_calls"), list):
            calls = ids.of_calls(number, turn["tool_calls"])
            made.append(turn | {"tool_calls": calls})
        else:
            made.append(turn | ids.of_answer(turn) if turn["role"] == "tool" else turn)
    return made


def shaped(turns: list[Turn], form: Form) -> list[Turn]:
    """Return turns in the form that a template takes, apart from ids."""
    return [_shaped(turn, form) for turn in turns]


def _shaped(turn: Turn, form: Form) -> Turn:
    made = {key: value for key, value in turn.items() if value is not None}
    if reasons := next((made[key] for key in REASONING if key in made), None):
        # transformers passes reasoning under both names (`_alias_reasoning_fields`)
        made = {"thinking": reasons} | made | {"reasoning_content": reasons}
    calls = made.get("tool_calls")
    if isinstance(calls, list):
        made["tool_calls"] = [_call(call, form) for call in calls]
        if not made.get("content") and form.silent != "empty":
            made.pop("content", None)
            made |= {"content": None} if form.silent == "null" else {}
    if form.parts and isinstance(made.get("content"), str):
        made["content"] = [{"type": "text", "text": made["content"]}]
    return made


def _call(call: Any, form: Form) -> Any:
    if not _has_function(call):
        return call
    function = dict(call["function"])
    given = function.get("arguments")
    if isinstance(given, str) and form.arguments == "object":
        function["arguments"] = _object(given)
    elif isinstance(given, dict) and form.arguments == "text":
        function["arguments"] = json.dumps(given, ensure_ascii=False)
    return call | function if form.flat_calls else call | {"function": function}


class _CallIds:
    """The ids of calls, for templates that need some."""

    def __init__(self, form: Form) -> None:
        self._form = form
        self._open: list[str] = []
        self._known: dict[str, str] = {}

    def of_calls(self, number: int, calls: list[Any]) -> list[Any]:
        """Return the calls of a turn with their ids."""
        self._open, made = [], []
        for at, call in enumerate(calls):
            own = call.get("id") if isinstance(call, dict) else None
            self._open.append(self._id(own, f"{number} {at} {call!r}"))
            made.append(call | {"id": self._open[-1]} if isinstance(call, dict) else call)
        return made

    def of_answer(self, turn: Turn) -> Turn:
        """Return the id for a tool's answer: that of its call, or of the next open call."""
        own = turn.get("tool_call_id")
        id_ = self._known.get(own) if isinstance(own, str) else None
        id_ = id_ or (self._open[0] if self._open else self._id(own, "answer"))
        if id_ in self._open:
            self._open.remove(id_)
        return {"tool_call_id": id_}

    def _id(self, own: object, seed: str) -> str:
        if isinstance(own, str) and (self._form.ids == "any" or _NINE.fullmatch(own)):
            made = own
        else:
            seed = own if isinstance(own, str) else seed
            made = _nine(seed)
        if isinstance(own, str):
            self._known[own] = made
        return made


def _nine(seed: str) -> str:
    """Return nine letters and digits that depend on `seed`."""
    number = int.from_bytes(hashlib.sha256(seed.encode("utf-8", "surrogatepass")).digest()[:8])
    return "".join("0123456789abcdefghijklmnopqrstuvwxyz"[number // 36**n % 36] for n in range(9))


def _has_function(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("function"), dict)


def _object(text: str) -> Any:
    """Return the object in JSON text; the text if there is none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return found if isinstance(found, dict) else text
