"""The parts of a conversation that must reach its text, and copies of it with marks around them.

A mark is made of digits and tildes: JSON, HTML and URL escapes, and changes of case, keep it.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal

Turn = dict[str, Any]
"""A message as an object with `role`, `content` and other keys."""
Kind = Literal["text", "key", "number", "word"]
"""`text`; `number`; `word`: `true`, `false` or `null`; `key`: the name of an argument, which only
helps to locate its value."""
Style = Literal["both", "start", "middle", "end", "swap"]
"""Where in a text marks are put; or `swap` for other letters and digits, without a mark."""
REASONING = ("reasoning_content", "thinking", "reasoning")
"""Keys of a turn with its reasoning; templates read one of them."""
PLANS = ("tool_plan",)
"""Further keys with reasoning, of one family of templates."""
_INSIDE = re.compile(
    r"(</?(?:think|thinking|thought|reasoning|reflection|answer|response|final|tool_call|tool_calls"
    r"|tool_response|tool_result|tools|function_call)>)"
)
"""Tags at which templates split a text."""
_OPENED = frozenset(f"<{name}>" for name in ("think", "thinking", "thought", "reasoning"))
_CLOSED = frozenset(tag.replace("<", "</") for tag in _OPENED)
_MOST_SEGMENTS = 64


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a conversation."""

    message: int
    """The index of its message; -1 for the tools."""
    path: str
    """The place in the message, such as `tool_calls[0].function.name`, or in the row for tools."""
    kind: Kind
    value: Any
    """The text without white space around it, or the number or word."""
    reasoning: bool = False
    """Whether it is reasoning, which templates may drop from earlier turns."""

    @property
    def key(self) -> str:
        """The key of the message that it belongs to, such as `tool_calls`; `tools` for tools."""
        return re.split(r"[.\[]", self.path, maxsplit=1)[0]


class Marking:
    """Copies a conversation with marks around some of its parts, which it lists in order."""

    def __init__(
        self, nonce: str, wanted: Collection[int] | None = None, style: Style = "both"
    ) -> None:
        """`nonce` consists of digits that the text does not have; `wanted` are the indexes of parts
        to mark, or None for all that can be marked."""
        self.parts: list[Part] = []
        self._nonce, self._wanted, self._style = nonce, wanted, style
        self._message = -1

    def tools(self, tools: list[Any] | None) -> list[Any] | None:
        """Return a copy of the tools."""
        self._message = -1
        return None if tools is None else [self._tool(n, tool) for n, tool in enumerate(tools)]

    def turns(self, turns: list[Turn]) -> list[Turn]:
        """Return a copy of the turns."""
        found = []
        for self._message, turn in enumerate(turns):
            found.append(self._turn(turn))
        return found

    def _turn(self, turn: Turn) -> Turn:
        made = dict(turn)
        reasons = next((key for key in REASONING if turn.get(key)), None)
        for key in (*REASONING, *PLANS):
            if isinstance(turn.get(key), str) and (key in PLANS or key == reasons):
                made[key] = self._text(key, turn[key], reasoning=True)
        if isinstance(turn.get("content"), str):
            made["content"] = self._content(turn["content"], turn["role"] == "assistant")
        if isinstance(turn.get("tool_calls"), list):
            calls = enumerate(turn["tool_calls"])
            made["tool_calls"] = [self._call(f"tool_calls[{n}]", call) for n, call in calls]
        if "tool_responses" in turn:
            made["tool_responses"] = self._value("tool_responses", turn["tool_responses"])
        return made

    def _content(self, content: str, assistant: bool) -> str:
        pieces = _INSIDE.split(content) if "<" in content else [content]
        if len(pieces) > _MOST_SEGMENTS:
            pieces = [content]
        thinks = assistant and _first(pieces) in _CLOSED
        for at, piece in enumerate(pieces):
            if at % 2:
                thinks = assistant and piece in _OPENED
            else:
                pieces[at] = self._text("content", piece, reasoning=thinks)
        return "".join(pieces)

    def _call(self, path: str, call: Any) -> Any:
        if not isinstance(call, dict):
            return call
        if isinstance(call.get("function"), dict):
            return call | {"function": self._function(f"{path}.function", call["function"])}
        return self._function(path, call)

    def _function(self, path: str, function: dict[str, Any]) -> dict[str, Any]:
        made = dict(function)
        if isinstance(function.get("name"), str):
            made["name"] = self._text(f"{path}.name", function["name"])
        if "arguments" in function:
            made["arguments"] = self._value(f"{path}.arguments", function["arguments"])
        return made

    def _tool(self, number: int, tool: Any) -> Any:
        if not isinstance(tool, dict):
            return tool
        inner = isinstance(tool.get("function"), dict)
        function = dict(tool["function"] if inner else tool)
        path = f"tools[{number}].function" if inner else f"tools[{number}]"
        for key in ("name", "description"):
            if isinstance(function.get(key), str):
                function[key] = self._text(f"{path}.{key}", function[key])
        return tool | {"function": function} if inner else function

    def _value(self, path: str, value: Any) -> Any:
        """Return a copy of a JSON value with its leaves marked."""
        if isinstance(value, dict):
            return {
                self._key(f"{path}.{key:.60}", key): self._value(f"{path}.{key:.60}", one)
                for key, one in value.items()
            }
        if isinstance(value, list):
            return [self._value(f"{path}[{number}]", one) for number, one in enumerate(value)]
        if isinstance(value, str):
            return self._text(path, value)
        if value is None or isinstance(value, bool):
            return self._word(path, value)
        return self._number(path, value)

    def _add(self, path: str, kind: Kind, value: Any, reasoning: bool = False) -> int:
        """List a part; return its index, or -1 if it is not to be marked."""
        at = len(self.parts)
        self.parts.append(Part(self._message, path, kind, value, reasoning))
        return at if (kind != "word" if self._wanted is None else at in self._wanted) else -1

    def _text(self, path: str, text: str, *, reasoning: bool = False) -> str:
        core = text.strip()
        if not core:
            return text
        at = self._add(path, "text", core, reasoning)
        return text if at < 0 else text.replace(core, self._marked(core, at), 1)

    def _marked(self, core: str, at: int) -> str:
        start, end = f"~{self._nonce}0{at}~", f"~{self._nonce}1{at}~"
        if self._style == "both":
            return f"{start}{core}{end}"
        if self._style == "swap":
            return swapped(core)
        place = {"start": 0, "middle": len(core) // 2, "end": len(core)}[self._style]
        return f"{core[:place]}{start}{core[place:]}"

    def _key(self, path: str, key: str) -> str:
        at = self._add(path, "key", key)
        return key if at < 0 else f"{key}~{self._nonce}1{at}~"

    def _number(self, path: str, value: float) -> float:
        at = self._add(path, "number", value)
        if at < 0:
            return value
        if self._style == "swap":
            digits = "333" if repr(value)[-1] != "3" else "888"
            return int(digits) if isinstance(value, int) else float(f"{digits}.{digits[0]}")
        other = int(f"{self._nonce}2{at:06d}")
        return other if isinstance(value, int) else other + 0.5

    def _word(self, path: str, value: bool | None) -> bool | None:
        """Return a word, or another one if it is to be marked: words have no marks."""
        at = self._add(path, "word", value)
        return value if at < 0 else not value


def swapped(text: str) -> str:
    """Return a text of the same length with another letter or digit for each."""
    return "".join(
        ("y" if one == "x" else "x") if one.isalpha() else
        ("2" if one == "1" else "1") if one.isdigit() else one
        for one in text
    )  # fmt: skip


def _first(pieces: list[str]) -> str:
    """Return the first tag of a text that is split at tags; empty without one."""
    return pieces[1] if len(pieces) > 1 else ""
