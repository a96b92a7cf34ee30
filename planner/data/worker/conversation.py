"""Templates and conversations in the child process."""

import json
from datetime import datetime
from typing import Any

import jinja2

from planner.data.isolation import limits
from planner.data.rendering.marks import Generation, TooLong
from planner.data.rendering.sandbox import compiled
from planner.data.rendering.spans import LeftOut, Render, Rewritten, Span, assistant_spans
from planner.data.rows.rows import Message, turn


class Refused(Exception):
    """A request that cannot be answered, with the reason."""

    def __init__(self, kind: str, said: object = "") -> None:
        super().__init__(kind)
        self.kind, self.said = kind, str(said)[: limits.SAID_CHARS]


class Template:
    """A compiled template."""

    def __init__(self, source: str, special: dict[str, str], marks: bool) -> None:
        self.special, self.marks, self.chars = special, marks, len(source)
        self.now = datetime.min
        self.template: jinja2.Template
        self.generation: Generation
        try:
            self.template, self.generation = compiled(source, lambda form: self.now.strftime(form))
        except MemoryError:
            raise
        except jinja2.TemplateSyntaxError as problem:
            raise Refused("refused", f"an error of syntax in line {problem.lineno}") from None
        except Exception:
            raise Refused("refused", "it cannot be compiled") from None


class Conversation:
    """One conversation, rendered by one template."""

    def __init__(self, template: Template, one: dict[str, Any]) -> None:
        self._template = template
        self.messages = [Message(*said) for said in one["messages"]]
        self._turns = list(map(turn, self.messages))
        self._tools = json.loads(one["tools"]) if one["tools"] else None
        chars = sum(len(m.content) + len(m.more) for m in self.messages) + len(one["tools"])
        self._most = limits.printed_chars(template.chars, chars)

    def spans(self) -> tuple[str, list[Span]]:
        """Return the text and its scored spans: from the template's marks, or from prefixes."""
        if self._template.marks:
            return self.marked(len(self.messages), False)
        render: Render = lambda count, prompt: self.marked(count, prompt)[0]  # noqa: E731
        try:
            return assistant_spans(self.messages, render)
        except Rewritten as where:
            raise Refused("rewritten", where) from None
        except LeftOut as said:
            raise Refused("left-out", said) from None

    def marked(self, count: int, prompt: bool) -> tuple[str, list[Span]]:
        """Return the text of the first `count` turns, and the spans that the template marks."""
        values = {
            "messages": self._turns[:count],
            "tools": self._tools,
            "documents": None,
            "add_generation_prompt": prompt,
        } | self._template.special
        try:
            return self._template.generation.rendered(self._template.template, self._most, values)
        except MemoryError:
            raise Refused("memory") from None
        except TooLong:
            raise Refused("size", self._most) from None
        except Exception as problem:
            raise Refused("refused", problem) from None
