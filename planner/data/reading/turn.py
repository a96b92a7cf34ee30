"""Reads one turn of any form."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from lockfiles.fixes import Advice, Answers, Change
from planner.data.files.raw import BadRow, RawRow, fault, named
from planner.data.reading import calls, marks, names, parts
from planner.data.reading.how import How, Shape, leave
from planner.data.reading.parts import Parts
from planner.data.reading.roles import CALL
from planner.data.rows.rows import Message, in_order

MAP_ROLES = Answers(
    (Change("data.roles", 'such as `["npc=assistant"]`'),),
    command="tunelock data",
    options=("--role",),
)


@dataclass(slots=True)
class Turn:
    """One turn of any form."""

    raw: RawRow
    column: str
    number: int
    turn: dict[str, Any]
    how: How
    tools: list[tuple[str, object]] | None
    used: set[str] = field(default_factory=set)

    def add_to(self, messages: list[Message]) -> None:
        """Add the messages that the turn becomes; calls join the assistant's turn before them."""
        speaker = self._first(names.ROLE)
        if speaker is None:
            messages += self._exchange()
            return
        role = self.how.roles.of(self.turn[speaker])
        if not role:
            raise self._unknown(speaker)
        self._use(speaker, "role")
        made = list(self._messages(role))
        self._leave()
        joined = _joined(messages[-1], made[0]) if role == CALL and messages else None
        if joined:
            messages[-1] = joined
        else:
            messages += made
        if len(self.turn) == 2 and role != CALL and self.used == set(self.turn):
            self._keep_shape(speaker)

    def _messages(self, role: str) -> Iterator[Message]:
        spoken = role if role != CALL else "assistant"
        scored = marks.scored(self.raw, self.number, self.turn, spoken, self._path, self.how)
        more, found = self._more(spoken), self._content(role)
        if role == CALL:
            more.pop("name", None)  # of the tool, not of a speaker
        called = found.calls + self._called()
        if called:
            more["tool_calls"] = calls.calls(self.raw, called, self._place)
        if found.reasoning and "reasoning_content" not in more:
            more["reasoning_content"] = found.reasoning
        for identity, answer in found.answers:
            yield Message("tool", answer, in_order({"tool_call_id": identity}) if identity else "")
        content = found.text
        if content is None and (called or found.answers):
            content = "" if called else None
        elif content is None:
            raise self._wordless()
        if content is not None:
            kept = {key: more[key] for key in sorted(more)}
            held = to_json(self.raw, kept, self._place) if kept else ""
            yield Message(spoken, content, held, scored)

    @property
    def _place(self) -> str:
        return f"message {self.number}"

    @property
    def _path(self) -> str:
        return f"{self.column}[]"

    def _use(self, key: str, became: str) -> None:
        self.used.add(key)
        if not names.is_empty(self.turn[key]):
            self.how.account.use(f"{self._path}.{key}", became)

    def _content(self, role: str) -> Parts:
        """Return what the turn says; a call's text is the call."""
        plain = {names.plain(key): key for key in reversed(self.turn)}
        present = [plain[key] for key in names.CONTENT if key in plain]
        present = [key for key in present if key not in self.used]
        key = next((one for one in present if self.turn[one] is not None), None)
        if key is None:
            self.used.update(present)
            if role == CALL and "name" in self.turn:
                return Parts(calls=[self._own_call()])
            return Parts(self._refusal())
        value = self.turn[key]
        self.used.add(key)
        if role == CALL:
            self._use(key, "tool calls")
            return Parts(calls=calls.calls(self.raw, value, f"`{key}` of {self._place}"))
        if isinstance(value, list) and (role != "tool" or parts.are_parts(value)):
            path = f"{self._path}.{key}"
            return parts.read(self.raw, self.number, path, value, self.how)
        if role == "tool" and not isinstance(value, str):
            value = self._as_json(value)
        if isinstance(value, str):
            self.how.account.use(f"{self._path}.{key}", "text")
            return Parts(value)
        raise self._wordless(key)

    def _own_call(self) -> dict[str, Any]:
        """Return the turn as a call, the form of OpenAI's Responses API."""
        keys = ("name", "arguments", "input", "call_id", "id")
        for key in keys:
            if key in self.turn:
                self._use(key, "tool calls")
        return {key: self.turn[key] for key in keys if key in self.turn}

    def _first(self, wanted: tuple[str, ...]) -> str | None:
        """Return the first wanted key that the turn has, in any case."""
        plain = {names.plain(key): key for key in reversed(self.turn)}
        return next((plain[key] for key in wanted if key in plain), None)

    def _as_json(self, value: object) -> str:
        """Return a tool's answer as JSON text."""
        try:
            return json.dumps(value, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError, RecursionError):
            raise self._wordless() from None

    def _refusal(self) -> str | None:
        """Return OpenAI's `refusal`, the text of an assistant that declines."""
        found = self.turn.get("refusal")
        if not isinstance(found, str) or not found:
            return None
        self._use("refusal", "text")
        return found

    def _called(self) -> list[Any]:
        """Return the calls in keys of the turn."""
        found: list[Any] = []
        for key, value in self.turn.items():
            known = names.plain(key)
            if known not in names.CALLS:
                continue
            self.used.add(key)
            if names.is_empty(value):
                continue
            if found:
                raise fault(self.raw, f"{self._place} has calls in two keys, one is `{key}`")
            if known == "tool_calls" and not calls.is_list(value):
                raise fault(self.raw, f"{self._place} has no list in `tool_calls`")
            found = calls.calls(self.raw, value, f"`{key}` of {self._place}")
            self._use(key, "tool calls")
        return found

    def _more(self, role: str) -> dict[str, Any]:
        """Return the other keys that templates use, and note the marks and tools."""
        more: dict[str, Any] = {}
        for key, value in self.turn.items():
            known = names.plain(key)
            if known in names.KEPT:
                if value is not None and more.setdefault(known, value) != value:
                    continue
                self._use(key, "reasoning" if known in names.REASONING else f"`{known}`")
            elif known in names.MARKS:
                self.used.add(key)
            elif known in names.CALL_ID and role == "tool" and value is not None:
                if more.setdefault("tool_call_id", value) == value:
                    self._use(key, "`tool_call_id`")
            elif known in names.TOOLS and role == "system" and self.tools is not None:
                if not names.is_empty(value):
                    self.tools.append((f"{self._path}.{key}", value))
                self._use(key, "tools")
        self._reason(more)
        return more

    def _reason(self, more: dict[str, Any]) -> None:
        """Take the reasoning from a key with a name that templates do not use."""
        for key in names.MORE_REASONING:
            value = self.turn.get(key)
            said = value if isinstance(value, str) else parts.texts_of(value)
            if said and not any(more.get(one) for one in names.REASONING):
                more["reasoning_content"] = said
                self._use(key, "reasoning")

    def _leave(self) -> None:
        for key, value in self.turn.items():
            if key not in self.used:
                leave(self.raw, self.how, f"{self._path}.{key}", key, value)

    def _exchange(self) -> Iterator[Message]:
        """Yield the turns of an object such as `{"human": "…", "assistant": "…"}`."""
        spoken = {self.how.roles.of(key): key for key in self.turn if self.turn[key] is not None}
        if not {"user", "assistant"} <= set(spoken):
            raise BadRow(
                self.raw,
                f"{self._place} has no `role`; it has {named(self.turn)}",
                fix=Advice("give each turn a `role`, such as `user`, and its text as `content`"),
            )
        for role in ("system", "user", "assistant"):
            key = spoken.get(role)
            if key and (role != "system" or self.turn[key]):
                if not isinstance(self.turn[key], str):
                    raise self._wordless(key)
                self._use(key, f"text of the {role}")
                yield Message(role, self.turn[key])
        self._leave()

    def _keep_shape(self, speaker: str) -> None:
        """Remember the keys of a plain turn, so that others like it are read faster."""
        shapes = self.how.shapes.setdefault(self.column, {})
        content = next(key for key in self.turn if key != speaker)
        if names.plain(content) in names.CONTENT and isinstance(self.turn[content], str):
            paths = (f"{self._path}.{key}" for key in (speaker, content))
            count = self.how.account.plain(*paths)
            shapes[tuple(self.turn)] = Shape(speaker, content, count)

    def _unknown(self, speaker: str) -> BadRow:
        value = self.turn[speaker]
        known = "`system`, `user`, `assistant` or `tool`"
        has_role = names.plain(speaker) == "role"
        verb, which = ("has the role", "not") if has_role else ("is from", "not one of")
        what = f"{self._place} {verb} `{value!s:.40}`, which is {which} {known}"
        if not isinstance(value, str):
            return BadRow(self.raw, what)
        return BadRow(self.raw, f"{what}; `data.roles` can map it", fix=MAP_ROLES)

    def _wordless(self, key: str = "") -> BadRow:
        shown = key or ("value" if "from" in self.turn else "content")
        return fault(self.raw, f"{self._place} has no text in `{shown}`")


def _joined(before: Message, call: Message) -> Message | None:
    """Return the assistant's turn with the calls of the turn that follows it; None if the two
    differ in anything else."""
    if before.role != "assistant" or before.scored != call.scored:
        return None
    more: dict[str, Any] = json.loads(before.more) if before.more else {}
    added: dict[str, Any] = json.loads(call.more)
    called = more.pop("tool_calls", []) + added.pop("tool_calls")
    if any(more.get(key, value) != value for key, value in added.items()):
        return None
    more |= added | {"tool_calls": called}
    return replace(before, more=in_order({key: more[key] for key in sorted(more)}))


def to_json(raw: RawRow, value: object, where: str) -> str:
    """Return a value as JSON text. Raises UsageProblem, which names the place, if it has none."""
    try:
        return in_order(value)
    except (TypeError, ValueError, RecursionError):
        raise fault(raw, f"has values in {where} that JSON cannot represent") from None
