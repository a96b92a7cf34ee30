"""Loads a model's chat template and renders conversations as transformers does."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from types import MappingProxyType

from lockfiles.errors import DataRefused
from lockfiles.fixes import Change, Command
from lockfiles.harmless import one_line
from planner.data.isolation import client, limits
from planner.data.isolation.client import Fault, Loaded
from planner.data.rendering.ends import NO_ENDS, Ends
from planner.data.rendering.marks import has_marks
from planner.data.rendering.spans import Span
from planner.data.rows.rows import Message, Row
from planner.data.tokens import lookup
from planner.data.tokens.variants import training_text

GOLDEN = (
    Message("user", "What is 2 + 3?"),
    Message("assistant", "5"),
    Message("user", "Größer als 4? <b>&</b>"),
    Message("assistant", "Ja."),
)
FIXED_NOW = datetime(2024, 7, 26)
"""The fixed date for templates that print today's date, so that equal locks give equal tokens.

It is the default date of Llama 3.1's template.
"""
OTHER = Change("model.template", "a Jinja file that accepts these turns")
_REFUSES = "The chat template refuses the conversation"


class TemplateRunsAway(DataRefused):
    """A chat template exceeds its time or memory limit, so no further row is rendered with it."""

    place = 0
    """The index of the row in its batch."""


@dataclass(frozen=True)
class ChatTemplate:
    """A chat template with its special tokens; it runs in a child process."""

    source: str
    """The Jinja text."""
    special_tokens: dict[str, str]
    """The text of `bos_token` and the like."""
    now: Callable[[], datetime] = lambda: FIXED_NOW
    """The date for templates that print it."""
    others: Mapping[str, str] = field(default_factory=dict)
    """The Jinja text of further templates by name; rows with tools take `tool_use`."""
    place: str = ""
    """The file or folder that it was read from; empty for a template from elsewhere."""
    ends: Ends = NO_ENDS
    """The end tokens of answers that it prints only when the next turn begins, which `ended`
    finds. They are part of encoded rows, and not of what `render` returns."""

    def like(self, source: str, others: Mapping[str, str]) -> "ChatTemplate":
        """Return other templates with the same special tokens, ends and date."""
        made = compile_template(source, self.special_tokens, now=self.now, others=others)
        return replace(made, place=self.place, ends=self.ends)

    @property
    def sha256(self) -> str:
        """SHA-256 (hex) of the Jinja text; of several templates, of a JSON object with all."""
        said = self.source
        if self.others:
            said = json.dumps({**self.others, lookup.DEFAULT: said}, sort_keys=True)
        return hashlib.sha256(said.encode()).hexdigest()

    def render(
        self, messages: Sequence[Message], *, tools: str = "", add_generation_prompt: bool = False
    ) -> str:
        """Return the conversation as text. Raises DataRefused if the template refuses it, and
        TemplateRunsAway if it exceeds its time or memory limit.

        `tools` is as in `Row`.
        """
        return self.marked(messages, tools=tools, add_generation_prompt=add_generation_prompt)[0]

    @property
    def marks(self) -> bool:
        """Whether the template marks the assistant's text."""
        return has_marks(self.source)

    def marked(
        self, messages: Sequence[Message], *, tools: str = "", add_generation_prompt: bool = False
    ) -> tuple[str, list[Span]]:
        """Return the conversation as text, and the spans that are marked as the assistant's.

        Raises as `render` does.
        """
        row = Row(tuple(messages), tools=tools)
        asked = {"do": "render", "row": client.written(row), "prompt": add_generation_prompt}
        try:
            return client.text_and_spans(
                *client.ask([self.loaded], asked | self.date, waits=client.row_waits([row])[:1])
            )
        except Fault as fault:
            raise refusal(fault) from None

    @property
    def named(self) -> str:
        """The file or folder of the template, to be placed behind `The chat template`."""
        return f" of `{one_line(self.place)}`" if self.place else ""

    def golden_sha256(self) -> str:
        """Return the SHA-256 (hex) of a fixed conversation, rendered."""
        return hashlib.sha256(self.render(GOLDEN).encode()).hexdigest()

    @property
    def loaded(self) -> Loaded:
        """The template in the form that the child process loads."""
        around = json.dumps([self.special_tokens, self.ends])
        key = f"{self.sha256} {hashlib.sha256(around.encode()).hexdigest()}"
        others = {name: one for name, one in self.others.items() if name == lookup.TOOLS}
        sources = {"": self.source} | others
        request = {
            "do": "compile",
            "template": key,
            "special": self.special_tokens,
            "ends": self.ends,
            "others": others,
            "varied": [name for name, one in sources.items() if training_text(one)],
        }
        return Loaded(key, request, self.source.encode(), limits.RENDER_SECONDS)

    @property
    def date(self) -> dict[str, str]:
        """The date, as part of a request."""
        return {"now": self.now().isoformat()}


def refusal(fault: Fault) -> DataRefused:
    """Return the error for a template that did not render a conversation."""
    why = {
        "late": "it takes too long",
        "slow": f"it takes longer than {limits.TURN_SECONDS:g} seconds for each turn",
        "memory": f"it takes more than {limits.MORE_BYTES // 2**20:,} MiB of memory",
        "size": f"it prints more than {fault.said} characters",
        "ended": f"its process ended with {fault.said}",
    }
    if fault.kind == "fails":
        return DataRefused(f"{_REFUSES}: it fails on {fault.said}.", fix=OTHER)
    if fault.kind not in why:
        return DataRefused(f"{_REFUSES}: {fault.said.rstrip('.')}.", fix=OTHER)
    runs_away = TemplateRunsAway(f"{_REFUSES}: {why[fault.kind]}.", fix=OTHER)
    runs_away.place = fault.place
    return runs_away


def load_template(
    folder: Path, *, file: Path | None = None, now: Callable[[], datetime] = lambda: FIXED_NOW
) -> ChatTemplate:
    """Return the chat template of the model in `folder`, or the one in `file` with the model's
    special tokens.

    `now` returns the date for templates that print it. Raises DataRefused if there is no template
    or it is not valid Jinja, UsageProblem if a file cannot be read.
    """
    found = {lookup.DEFAULT: lookup.jinja(file)} if file else lookup.templates(folder)
    source = found.pop(lookup.DEFAULT, "")
    if not source and (program := lookup.encoder(folder)):
        raise DataRefused(
            f"`{folder}` has no chat template: models of its kind are published with a Python "
            f"program that encodes messages, `{program}`, which is not run.",
            fix=Change("model.template", "a Jinja file that prints what that program prints"),
        )
    if not source:
        raise DataRefused(
            f"`{folder}` has no chat template, so rows cannot be rendered.",
            fix=Command("ls {}", folder, to="put a `chat_template.jinja` there"),
        )
    made = compile_template(source, lookup.special_tokens(folder), now=now, others=found)
    return replace(made, place=str(file or folder))


def compile_template(
    source: str,
    special_tokens: dict[str, str],
    *,
    now: Callable[[], datetime] = lambda: FIXED_NOW,
    others: Mapping[str, str] = MappingProxyType({}),
) -> ChatTemplate:
    """Return the template for Jinja text, and for that of others by name.

    Raises DataRefused if it is not valid.
    """
    for one in (source, *others.values()):
        if len(one) > limits.TEMPLATE_CHARS:
            raise _invalid(f"it has more than {limits.TEMPLATE_CHARS:,} characters")
        if not lookup.is_text(one):
            raise _invalid("it has a lone surrogate, such as `\\ud83d`")
    template = ChatTemplate(source, special_tokens, now, others)
    try:
        client.load(template.loaded)
    except Fault as fault:
        said = {
            "late": "it takes too long to compile",
            "memory": f"it takes more than {limits.MORE_BYTES // 2**20:,} MiB to compile",
            "ended": f"the process that compiles it ended with {fault.said}",
        }
        raise _invalid(said.get(fault.kind, fault.said)) from None
    return template


def _invalid(why: str) -> DataRefused:
    return DataRefused(f"The chat template is not valid Jinja: {why.rstrip('.')}.", fix=OTHER)
