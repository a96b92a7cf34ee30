"""Rows drawn at random over the formats, in which every part has a mark of its own."""

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

ROLES = {
    "system": ("system", "developer", "SYSTEM"),
    "user": ("user", "human", "User", "prompter"),
    "assistant": ("assistant", "gpt", "model", "bot", "AI"),
    "tool": ("tool", "observation", "tool_response", "function", "ipython"),
}
BESIDE = (
    "id", "source", "context", "weight", "sample_weight", "train", "loss", "mask", "history",
    "functions", "tools", "system", "system_prompt", "reasoning", "thinking", "images", "notes",
    "prompt", "answer", "documents", "rejected", "label", "extra_info", "category", "suffix",
    "chat_template_kwargs", "messages_2", "translation",
)  # fmt: skip
IN_TURNS = (
    "name", "weight", "train", "loss", "trainable", "masked", "reasoning_content",
    "reasoningContent", "thinking", "thought", "tool_call_id", "mood", "id", "image", "channel",
    "prefix", "refusal", "tools", "functions", "translation", "cache_control", "value", "text",
    "tool_plan", "train_detail",
)  # fmt: skip


@dataclass
class Draw:
    """Draws one row."""

    random: random.Random
    marks: list[str] = field(default_factory=list)
    """The marks of the row's parts, each a text that occurs once."""

    def mark(self) -> str:
        """Return a new mark."""
        self.marks.append(f"mark{len(self.marks)}x{self.random.getrandbits(40):x}")
        return self.marks[-1]

    def row(self) -> dict[str, Any]:
        """Return a row of any format, perhaps with further columns."""
        made: dict[str, Any] = self.random.choice(_FORMATS)(self)
        for name in self.random.sample(BESIDE, self.random.choice((0, 0, 1, 1, 2))):
            made.setdefault(name, self.value(name))
        return made

    def value(self, name: str) -> object:
        """Return a value for a further column or key."""
        if name in ("tools", "functions"):
            return self.tools()
        if name == "history":
            return [[self.mark(), self.mark()]]
        if name in ("weight", "train", "loss", "trainable", "masked", "sample_weight", "label"):
            return self.random.choice((0, 1, True, False, 0.5))
        text = self.mark()
        held: tuple[object, ...] = (text, f"{text} and four more words", [text], {"a": text})
        return self.random.choice(held)

    def tools(self) -> object:
        """Return tools in one of their forms."""
        tool = {"name": self.mark(), "description": self.mark(), "parameters": {"a": self.mark()}}
        form: object = self.random.choice(
            ([tool], [{"type": "function", "function": tool}], json.dumps([tool]))
        )
        return form

    def call(self) -> dict[str, Any]:
        """Return a call in one of its forms."""
        name, arguments = self.mark(), {"a": self.mark(), "b": [self.mark()]}
        inner = {"name": name, "arguments": self.random.choice((arguments, json.dumps(arguments)))}
        form: dict[str, Any] = self.random.choice(
            (
                {"id": self.mark(), "type": "function", "function": inner},
                {"function": inner},
                inner,
                {"name": name, "parameters": arguments},
            )
        )
        return form

    def content(self) -> object:
        """Return content as text or as parts."""
        if self.random.random() < 0.7:
            return self.mark()
        return [{"type": "text", "text": self.mark()} for _ in range(self.random.choice((1, 2)))]

    def turns(self) -> list[dict[str, Any]]:
        """Return turns with one pair of keys, perhaps with calls and further keys."""
        keys = self.random.choice((("role", "content"), ("from", "value"), ("speaker", "text")))
        roles = ["system"] * (self.random.random() < 0.3) + ["user", "assistant"]
        made = [self._turn(keys, role) for role in roles * self.random.choice((1, 1, 2))]
        if self.random.random() < 0.4:
            asking = {keys[0]: "assistant", keys[1]: None, "tool_calls": [self.call()]}
            made[-1:-1] = [asking, self._turn(keys, "tool")]
        return made

    def _turn(self, keys: tuple[str, str], role: str) -> dict[str, Any]:
        turn = {keys[0]: self.random.choice(ROLES[role]), keys[1]: self.content()}
        for name in self.random.sample(IN_TURNS, self.random.choice((0, 0, 1, 2))):
            turn.setdefault(name, self.value(name))
        return turn


def _messages(draw: Draw) -> dict[str, Any]:
    turns = draw.turns()
    name = draw.random.choice(("messages", "conversations", "conversation", "dialog"))
    return {name: json.dumps(turns) if draw.random.random() < 0.2 and name[0] != "d" else turns}


def _pair(draw: Draw) -> dict[str, Any]:
    names = (("prompt", "completion"), ("question", "answer"), ("query", "response"),
             ("instruction", "output"), ("input", "output"))  # fmt: skip
    return {name: draw.mark() for name in draw.random.choice(names)}


def _alpaca(draw: Draw) -> dict[str, Any]:
    return {name: draw.mark() for name in ("instruction", "input", "output")}


def _lists(draw: Draw) -> dict[str, Any]:
    asked, said = draw.turns(), {"role": "assistant", "content": draw.content()}
    return {"prompt": [*asked, {"role": "user", "content": draw.mark()}], "completion": [said]}


_FORMATS: tuple[Callable[[Draw], dict[str, Any]], ...] = (
    _messages,
    _messages,
    _pair,
    _alpaca,
    _lists,
)
