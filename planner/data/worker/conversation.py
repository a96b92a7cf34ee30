"""Templates and conversations in the child process."""

import json
from bisect import bisect_left
from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

import jinja2
from jinja2.exceptions import SecurityError, TemplateError

from planner.data.isolation import limits
from planner.data.rendering import account
from planner.data.rendering.ends import NO_ENDS, Ends, closing, ended
from planner.data.rendering.forms import Form, normal, shaped, shaped_tools, with_ids
from planner.data.rendering.located import kept_spans, located_spans
from planner.data.rendering.marks import Generation, TooLong, has_marks
from planner.data.rendering.parts import Part, Turn
from planner.data.rendering.probe import form_of
from planner.data.rendering.proof import Lost, Proof, lost
from planner.data.rendering.sandbox import compiled
from planner.data.rendering.spans import (
    UNSAID,
    Found,
    LeftOut,
    Rewritten,
    Span,
    assistant_spans,
    marked_spans,
)
from planner.data.rows.rows import Message, turn

_PROBED_CHARS = 10_000
"""More characters than the conversations have with which a template is probed."""


_FAILURES: dict[type[Exception], str] = {
    RecursionError: "its recursion is too deep",
    OverflowError: "one of its ranges or numbers is too large",
    ZeroDivisionError: "it divides by zero",
}


class Refused(Exception):
    """A request that cannot be answered, with the reason."""

    def __init__(self, kind: str, said: object = "") -> None:
        super().__init__(kind)
        self.kind, self.said = kind, str(said)[: limits.SAID_CHARS]


class Template:
    """A compiled template."""

    def __init__(
        self,
        source: str,
        special: dict[str, str],
        *,
        varied: bool = False,
        ends: Ends = NO_ENDS,
    ) -> None:
        """`varied`: it has a training variant, for where it changes earlier text."""
        self._special, self.chars, self.varied = special, len(source), varied
        self.ends = ends
        self.marks = has_marks(source)
        self.now = datetime.min
        self._template: jinja2.Template
        self._generation: Generation
        try:
            self._template, self._generation = compiled(
                source, lambda form: self.now.strftime(form)
            )
        except MemoryError:
            raise
        except jinja2.TemplateSyntaxError as problem:
            raise Refused("refused", f"an error of syntax in line {problem.lineno}") from None
        except Exception:
            raise Refused("refused", "it cannot be compiled") from None

    @cached_property
    def content_form(self) -> Form:
        """The form that it takes of conversations without tools and calls."""
        return form_of(self._probed, tools=False)

    @cached_property
    def form(self) -> Form:
        """The form that it takes of every conversation."""
        return form_of(self._probed, tools=True)

    def rendered(
        self, turns: Sequence[Turn], tools: list[Any] | None, most: int, *, prompt: bool
    ) -> tuple[str, list[Span]]:
        """Return the text of turns and tools, of at most `most` characters, and the spans that the
        template marks."""
        values: dict[str, object] = self._special | {
            "messages": turns,
            "tools": tools,
            "documents": None,
            "add_generation_prompt": prompt,
        }
        try:
            return self._generation.rendered(self._template, most, values)
        except MemoryError:
            raise Refused("memory") from None
        except TooLong:
            raise Refused("size", most) from None
        except Exception as problem:
            raise Refused(*_why(problem)) from None

    def _probed(self, turns: list[Turn], tools: list[Any] | None) -> str | None:
        most = limits.printed_chars(self.chars, _PROBED_CHARS)
        try:
            return self.rendered(turns, tools, most, prompt=False)[0]
        except Refused as refused:
            if refused.kind == "memory":
                raise
            return None


def _why(problem: Exception) -> tuple[str, object]:
    """Return the kind of a refusal and its reason: the template's own words, if it has any."""
    if type(problem) is TemplateError or isinstance(problem, SecurityError):
        return "refused", problem
    known = (why for kind, why in _FAILURES.items() if isinstance(problem, kind))
    return next((("refused", why) for why in known), ("fails", ""))


class Conversation:
    """One conversation, rendered by one template."""

    def __init__(self, template: Template, one: dict[str, Any]) -> None:
        self._template = template
        self.messages = [Message(*said) for said in one["messages"]]
        self._tools = json.loads(one["tools"]) if one["tools"] else None
        calls = any('"tool_calls"' in message.more for message in self.messages)
        self._form = template.form if calls or self._tools else template.content_form
        self._turns = with_ids(normal(list(map(turn, self.messages))), self._form)
        self._shaped = shaped(self._turns, self._form)
        self._shaped_tools = shaped_tools(self._tools, self._form)
        chars = sum(len(m.content) + len(m.more) for m in self.messages) + len(one["tools"])
        self._most = limits.printed_chars(template.chars, chars)

    def spans(self) -> Found:
        """Return the text and its scored spans: from the template's marks, or from prefixes.

        Where it changes earlier text, each turn is located by its parts.
        """
        try:
            if self._template.marks:
                return Found(*marked_spans(self.messages, self.marked))
            return assistant_spans(self.messages, self._text, strict=self._template.varied)
        except Rewritten as where:
            return self._located(where)
        except LeftOut as said:
            raise Refused("left-out", said) from None

    def _located(self, rewritten: Rewritten) -> Found:
        if self._template.varied:
            raise Refused("rewritten", rewritten) from None
        _, proof = self.proof(len(self.messages))
        if number := account.unanswered(self.messages, proof.parts):
            raise Refused("no-answer", number)
        try:
            if self._template.marks:
                found = self.marked(len(self.messages), False)[1]
                return kept_spans(self.messages, found, self.proof)
            return located_spans(self.messages, self._text, self.proof)
        except Rewritten as where:
            raise Refused("rewritten", where) from None

    def _text(self, count: int, prompt: bool) -> str:
        return self.marked(count, prompt)[0]

    def proof(self, count: int) -> tuple[str, Proof]:
        """Return the text of the first `count` turns, and where their parts are."""
        text = self._text(count, False)
        return text, Proof(text, self._turns[:count], self._tools, self._with_marks)

    def ended(self) -> tuple[str, list[Span]]:
        """Return the text and its scored spans, with the end tokens of the next turns."""
        text, spans, _ = self.spans()
        return ended(text, spans, self.messages, self._template.ends)

    def text(self) -> str:
        """Return the text, with an end of its last answer."""
        return self._text(len(self.messages), False) + closing(self.messages, self._template.ends)

    def proven(self) -> tuple[str, list[Span], list[str]]:
        """Return the text and its scored spans as `ended` does, and the parts that the template
        may leave out. Raises Refused if it leaves out others."""
        text, spans, unsaid = self.spans()
        proof = Proof(text, self._turns, self._tools, self._with_marks)
        if number := account.unanswered(self.messages, proof.parts):
            raise Refused("no-answer", number)
        found = lost(proof, self.messages, spans)
        allowed = [one for one in found if self._may_drop(one, text, proof)]
        if faults := account.faults([one for one in found if one not in allowed], self.messages):
            raise Refused("lost", faults)
        notes = account.names(allowed, self.messages)
        text, spans = ended(text, spans, self.messages, self._template.ends)
        return text, spans, [*notes, f"{UNSAID}`{unsaid}`"] if unsaid else notes

    def _may_drop(self, one: Lost, text: str, proof: Proof) -> bool:
        """Return whether a template may drop a part: reasoning, if it does so by design, tools of
        which it prints a call, and the name of the only function that a conversation calls."""
        if one.part.message < 0:
            return proof.has_call()
        if one.how == "missing" and one.part.path.endswith(".function.name"):
            return proof.is_only_function(one.part)
        if not one.part.reasoning or one.how not in ("missing", "cut"):
            return False
        return not self.messages[one.part.message].scored or self._prints_last(one.part, text)

    def _prints_last(self, part: Part, text: str) -> bool:
        """Return whether the template prints reasoning as long as its turn is the last one, which
        is not in the text of the conversation."""
        count = part.message + 1
        if count == len(self.messages):
            return False
        try:
            if part.value not in text and part.value in self._text(count, False):
                return True
            _, proof = self.proof(count)
        except Refused:
            return False
        own = [n for n, one in enumerate(proof.parts) if one.message == part.message]
        return all(n in proof.places for n in own if proof.parts[n].reasoning)

    def marked(self, count: int, prompt: bool) -> tuple[str, list[Span]]:
        """Return the text of the first `count` turns, and the spans that the template marks."""
        try:
            return self._rendered(count, prompt)
        except Refused as refused:
            if refused.kind == "fails" and count == 0 and prompt:
                return self._before_first()
            if refused.kind == "fails":
                raise Refused("fails", self._failing(count)) from None
            raise

    def _before_first(self) -> tuple[str, list[Span]]:
        """Return the text up to the first turn, the assistant's, for a template that fails without
        turns: up to the generation prompt in the text of that turn."""
        text, asked = self.marked(1, False)[0], self.marked(1, True)[0]
        prompt = asked.removeprefix(text)
        if not prompt or prompt == asked or prompt not in text:
            raise Refused("fails", self._failing(1))
        return text[: text.index(prompt) + len(prompt)], []

    def _rendered(self, count: int, prompt: bool) -> tuple[str, list[Span]]:
        turns = self._shaped[:count]
        return self._template.rendered(turns, self._shaped_tools, self._most, prompt=prompt)

    def _failing(self, count: int) -> str:
        """Return what the template fails on: the tools, or the first of `count` messages, with its
        role and other keys."""
        if self._tools is not None and self._renders_without_tools(count):
            return "`tools`"
        count = 1 + bisect_left(range(1, count), True, key=self._fails)
        keys = self._turns[count - 1].keys() - {"role", "content"}
        with_ = f" with {', '.join(f'`{key}`' for key in sorted(keys))}" if keys else ""
        return f"message {count} (`{self.messages[count - 1].role}`{with_})"

    def _fails(self, count: int) -> bool:
        try:
            self._rendered(count, False)
        except Refused:
            return True
        return False

    def _renders_without_tools(self, count: int) -> bool:
        try:
            self._template.rendered(self._shaped[:count], None, self._most, prompt=False)
        except Refused:
            return False
        return True

    def _with_marks(self, turns: list[Turn], tools: list[Any] | None) -> str | None:
        """Return the text of a copy with marks, which are a few times as long as short parts."""
        made = shaped(turns, self._form), shaped_tools(tools, self._form)
        try:
            return self._template.rendered(*made, 16 * self._most, prompt=False)[0]
        except Refused:
            return None
