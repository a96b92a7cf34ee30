"""Load a model's chat template and render conversations as transformers does."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2
from jinja2.exceptions import SecurityError
from jinja2.ext import loopcontrols
from jinja2.utils import Namespace

from lockfiles import text
from lockfiles.errors import DataRefused
from planner.data.bounded_memory import MORE_BYTES, bounded_memory
from planner.data.marks import Generation, Span, has_marks
from planner.data.rows import Message, turn
from planner.data.sandbox import REFUSALS, Sandbox, TooLong

GOLDEN = (
    Message("user", "What is 2 + 3?"),
    Message("assistant", "5"),
    Message("user", "Größer als 4? <b>&</b>"),
    Message("assistant", "Ja."),
)
FIXED_NOW = datetime(2024, 7, 26)
"""The date that templates print, whatever the day: else equal locks would give other tokens.

It is the one that Llama 3.1's own template falls back to.
"""
_OTHER = 'in run.toml: [model] template = "…", a Jinja file that takes these turns'
_REFUSES = "The chat template refuses the conversation"
SPECIAL = ("bos_token", "eos_token", "pad_token", "unk_token")


class TemplateRunsAway(DataRefused):
    """A chat template takes more time or memory than it may, so no other row is tried with it."""


class _Namespace(Namespace):
    """Jinja's `namespace` without underscore names, which could reach Python's internals."""

    def __init__(self, /, *args: Any, **values: Any) -> None:
        attributes = dict(*args, **values)
        for name in attributes:
            _Namespace._check(name)
        super().__init__(attributes)

    def __setitem__(self, name: str, value: Any) -> None:
        _Namespace._check(name)
        super().__setitem__(name, value)

    @staticmethod
    def _check(name: object) -> None:
        if isinstance(name, str) and name.startswith("_"):
            raise SecurityError(f"a namespace cannot have the attribute `{name}`")


@dataclass(frozen=True)
class ChatTemplate:
    """A compiled chat template with the special tokens that it may print."""

    source: str
    """The Jinja text."""
    compiled: jinja2.Template
    """The same, ready to render."""
    special_tokens: dict[str, str]
    """`bos_token` and the like to their text."""
    now: Callable[[], datetime] = lambda: FIXED_NOW
    """What templates that print the date are told."""

    def like(self, source: str) -> "ChatTemplate":
        """Return another template with the same special tokens and date."""
        return compile_template(source, self.special_tokens, now=self.now)

    @property
    def sha256(self) -> str:
        """SHA-256 (hex) of the Jinja text."""
        return hashlib.sha256(self.source.encode()).hexdigest()

    def render(
        self, messages: Sequence[Message], *, tools: str = "", add_generation_prompt: bool = False
    ) -> str:
        """The conversation as text; raises DataRefused if the template refuses it, and
        TemplateRunsAway where that takes too long or too much memory.

        `tools` is what may be called, as in `Row`.
        """
        return self.marked(messages, tools=tools, add_generation_prompt=add_generation_prompt)[0]

    @property
    def marks(self) -> bool:
        """Whether it marks itself what the assistant says."""
        return has_marks(self.source)

    def marked(
        self, messages: Sequence[Message], *, tools: str = "", add_generation_prompt: bool = False
    ) -> tuple[str, list[Span]]:
        """The conversation as text, and the parts that the template marks as the assistant's.

        Raises as `render`.
        """
        values = {
            "messages": [turn(message) for message in messages],
            "tools": json.loads(tools) if tools else None,
            "documents": None,
            "add_generation_prompt": add_generation_prompt,
        }
        (generation,) = (
            found
            for found in self.compiled.environment.extensions.values()
            if isinstance(found, Generation)
        )
        try:
            with bounded_memory():
                return generation.rendered(self.compiled, **values, **self.special_tokens)
        except (TooLong, MemoryError) as error:
            why = f"{error}" or f"it takes more than {MORE_BYTES // 2**20:,} MiB of memory"
            raise TemplateRunsAway(f"{_REFUSES}: {why}.", hint=_OTHER) from None
        except REFUSALS as error:
            raise DataRefused(f"{_REFUSES}: {error}.", hint=_OTHER) from error

    def golden_sha256(self) -> str:
        """SHA-256 (hex) of a fixed conversation, rendered: changes if the rendering changes."""
        return hashlib.sha256(self.render(GOLDEN).encode()).hexdigest()


def load_template(
    folder: Path, *, file: Path | None = None, now: Callable[[], datetime] = lambda: FIXED_NOW
) -> ChatTemplate:
    """The chat template of the model in `folder`, or the one in `file` with its special tokens.

    `now` answers templates that print the date. Raises DataRefused if there is no template or
    it is not valid Jinja, UsageProblem where a file cannot be read.
    """
    config = _json_file(folder / "tokenizer_config.json")
    own = file or folder / "chat_template.jinja"
    named = _named(config.get("chat_template"))
    source = text.read(own) if file or own.is_file() else named
    if not source:
        raise DataRefused(
            f"`{folder}` has no chat template, so its rows cannot be rendered.",
            hint=f"ls {folder}/chat_template.jinja {folder}/tokenizer_config.json",
        )
    return compile_template(source, _special(config), now=now)


def compile_template(
    source: str,
    special_tokens: dict[str, str],
    *,
    now: Callable[[], datetime] = lambda: FIXED_NOW,
) -> ChatTemplate:
    """Compile Jinja text in a sandbox with the names that transformers gives templates."""
    environment = Sandbox(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
    )
    environment.filters["tojson"] = _tojson
    environment.globals["namespace"] = _Namespace
    environment.globals["raise_exception"] = _raise
    environment.globals["strftime_now"] = lambda form: now().strftime(form)
    try:
        with bounded_memory():  # Jinja makes what is constant of it at once
            compiled = environment.from_string(source)
    except REFUSALS as error:
        raise DataRefused(f"The chat template is not valid Jinja: {error}.", hint=_OTHER) from error
    return ChatTemplate(source, compiled, special_tokens, now)


def _json_file(path: Path) -> dict[str, Any]:
    return text.read_json_object(path) if path.is_file() else {}


def _named(value: object) -> str:
    if isinstance(value, list):
        named = (item for item in value if isinstance(item, dict))
        found = {item.get("name"): item.get("template") for item in named}
        value = found.get("default")
    return value if isinstance(value, str) else ""


def _special(config: dict[str, Any]) -> dict[str, str]:
    tokens = {}
    for name in SPECIAL:
        value = config.get(name)
        value = value.get("content") if isinstance(value, dict) else value
        if isinstance(value, str):
            tokens[name] = value
    return tokens


def _raise(message: str) -> None:
    raise jinja2.TemplateError(message)


def _tojson(
    value: object,
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    return json.dumps(
        value,
        ensure_ascii=ensure_ascii,
        indent=indent,
        separators=separators,
        sort_keys=sort_keys,
    )
