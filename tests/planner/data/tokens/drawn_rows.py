"""Rows drawn at random over all formats, with a unique mark in each part of each row."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

Turn = dict[str, Any]
Columns = dict[str, Any]


@dataclass(frozen=True)
class Mark:
    """One mark of a row."""

    text: str
    """Letters and digits, or digits for a number."""
    scored: bool | None
    """Whether it must be in the scored text or must not be; None where it may be anywhere."""
    names: tuple[str, ...]
    """What a finding may call the part that it is in."""


@dataclass
class Drawn:
    """A row, with its marks."""

    kind: str
    row: Columns = field(default_factory=dict)
    marks: list[Mark] = field(default_factory=list)


class Drawer:
    """Draws rows; the same seed draws the same rows."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._count = 0
        self._drawn = Drawn("")

    def row(self) -> Drawn:
        """Return the next row."""
        name = self._random.choice(sorted(FORMATS))
        self._drawn = Drawn(name)
        self._drawn.row = FORMATS[name](self)
        if self.maybe(0.2):
            key = self.pick("source", "comment", "url", "topic")
            self._drawn.row[key] = self.text(None, key)
        return self._drawn

    def maybe(self, chance: float) -> bool:
        return self._random.random() < chance

    def pick(self, *values: Any) -> Any:
        return self._random.choice(values)

    def mark(self, scored: bool | None, *names: str) -> str:
        self._count += 1
        self._drawn.marks.append(Mark(f"mk{self._count}q", scored, names))
        return self._drawn.marks[-1].text

    def number(self, scored: bool | None, *names: str) -> float:
        self._count += 1
        value = 500_000_000 + self._count
        made = self.pick(value, -value, value + 0.25)
        self._drawn.marks.append(Mark(json.dumps(made), scored, names))
        return float(made) if isinstance(made, float) else int(made)

    def text(self, scored: bool | None, *names: str) -> str:
        """Return a text with a mark, and now and then a second one at its end."""
        made: str = self.pick(
            "{}", "  {}\n", "It is {}.", "{{\"a\": \"{}\"}}", "<b>{}</b> & more", "[\"{}\", 1]",
            "Grüße,\n\"{}\" \\ 'so'\t🙂", "<{}>", "{}\n\n```py\nprint(1)\n```",
            "/think {}", "{}</s>",
        ).format(self.mark(scored, *names))  # fmt: skip
        return made + (f"\n\nAnd {self.mark(scored, *names)}" if self.maybe(0.2) else "")

    def turns(self) -> list[Turn]:
        """Return a conversation in OpenAI's form, with calls, reasoning and flags."""
        calls, thinks = self.maybe(0.4), self.maybe(0.3)
        made: list[Turn] = []
        if self.maybe(0.4):
            made.append({"role": "system", "content": self.text(False, "content", "system")})
        for _ in range(self.pick(1, 1, 2, 3)):
            made.append({"role": "user", "content": self.text(False, "content", "user")})
            if calls and self.maybe(0.7):
                made += self.calling()
            made.append(self.answer(thinks))
        if self.maybe(0.2):
            made[-1]["mood"] = self.text(None, "mood")
        return made

    def answer(self, thinks: bool) -> Turn:
        scored, flag = True, {}
        if self.maybe(0.15):
            key, value = self.pick(("weight", 0), ("train", False), ("loss", False), ("weight", 1))
            scored, flag = bool(value), {key: value}
        made = {"role": "assistant", "content": self.text(scored, "content")} | flag
        if thinks and self.maybe(0.8):
            key = self.pick("reasoning_content", "reasoning", "thinking", "inline")
            thought = self.text(scored, "reasoning", "thinking", "content")
            if key == "inline":
                made["content"] = f"<think>\n{thought}\n</think>\n\n{made['content']}"
            else:
                made[key] = thought
        return made

    def calling(self) -> list[Turn]:
        """Return a turn with calls, and the answers of their tools."""
        calls = [self.call() for _ in range(self.pick(1, 1, 2))]
        content = self.text(True, "content") if self.maybe(0.2) else self.pick("", None)
        asks = {"role": "assistant", "content": content, "tool_calls": calls}
        return [asks, *(self.result(call) for call in calls)]

    def call(self) -> Turn:
        arguments: dict[str, Any] = {}
        for key in self._random.sample(["town", "count", "deep", "list", "at", "none"], 3):
            arguments[key] = self.argument(key)
        given = json.dumps(arguments) if self.maybe(0.4) else arguments
        name = f"find_{self.mark(True, 'tool_calls', 'function')}"
        function = {"name": name, "arguments": given}
        return {"id": f"call_{self._count}", "type": "function", "function": function}

    def argument(self, key: str) -> Any:
        if key == "count":
            return self.number(True, "tool_calls")
        if key in ("at", "none"):
            return self.pick(True, False) if key == "at" else None
        text = self.text(True, "tool_calls")
        return {"town": text, "deep": {"inner": text}, "list": [text, True]}[key]

    def result(self, call: Turn) -> Turn:
        return {
            "role": "tool", "tool_call_id": call["id"], "name": call["function"]["name"],
            "content": self.text(False, "content", "tool"),
        }  # fmt: skip

    def tools(self) -> Columns:
        """Return a column of tools, or none."""
        if self.maybe(0.7):
            return {}
        listed = [self.tool() for _ in range(self.pick(1, 2))]
        return {"tools": json.dumps(listed) if self.maybe(0.3) else listed}

    def tool(self) -> Turn:
        function = {
            "name": f"find_{self.mark(False, 'tools')}",
            "description": self.text(False, "tools"),
            "parameters": {"type": "object", "properties": {"town": {"type": "string"}}},
        }
        return {"type": "function", "function": function} if self.maybe(0.7) else function


def _messages(draw: Drawer) -> Columns:
    return {"messages": draw.turns()} | draw.tools()


def _packed(draw: Drawer) -> Columns:
    return {"messages": json.dumps(draw.turns())} | draw.tools()


def _parts(draw: Drawer) -> Columns:
    turns = draw.turns()
    for turn in turns:
        if turn["role"] != "tool" and isinstance(turn["content"], str):
            turn["content"] = [{"type": "text", "text": turn["content"]}]
    return {"messages": turns} | draw.tools()


def _sharegpt(draw: Drawer) -> Columns:
    said = {"system": "system", "user": "human", "assistant": "gpt", "tool": "observation"}
    made = []
    for turn in draw.turns():
        if calls := turn.get("tool_calls"):
            asked = [call["function"] for call in calls]
            if turn["content"]:
                made.append({"from": "gpt", "value": turn["content"]})
            made.append({"from": "function_call", "value": json.dumps(asked)})
        else:
            rest = {k: v for k, v in turn.items() if k not in ("role", "content", "tool_call_id")}
            made.append({"from": said[turn["role"]], "value": turn["content"]} | rest)
    return {"conversations": made} | draw.tools()


def _alpaca(draw: Drawer) -> Columns:
    row: Columns = {
        "instruction": draw.text(False, "instruction", "content"),
        "output": draw.text(True, "output", "content"),
    }
    if draw.maybe(0.5):
        row["input"] = draw.text(False, "input", "content")
    if draw.maybe(0.3):
        row["system"] = draw.text(False, "system", "content")
    if draw.maybe(0.3):
        row["history"] = [
            [draw.text(False, "history", "content"), draw.text(None, "history", "content")]
        ]
    return row


def _pair(draw: Drawer) -> Columns:
    asked, answered = draw.pick(
        ("prompt", "completion"), ("question", "answer"), ("query", "response"), ("input", "output")
    )
    row: Columns = {asked: draw.text(False, asked, "content")}
    row[answered] = draw.text(True, answered, "content")
    if draw.maybe(0.2):
        row["system"] = draw.text(False, "system", "content")
    if draw.maybe(0.2):
        key = draw.pick("reasoning", "thinking", "context")
        row[key] = draw.text(None, key, "reasoning")
    return row


def _turned_pair(draw: Drawer) -> Columns:
    turns = draw.turns()
    return {"prompt": turns[:-1], "completion": turns[-1:]} | draw.tools()


FORMATS: dict[str, Callable[[Drawer], Columns]] = {
    "messages": _messages,
    "messages as text": _packed,
    "content in parts": _parts,
    "sharegpt": _sharegpt,
    "alpaca": _alpaca,
    "a pair of texts": _pair,
    "a pair of turns": _turned_pair,
}
"""The formats of rows: each draws the columns of one."""
