"""Finds the chat templates and special tokens of a model folder as transformers does.

Source: `PreTrainedTokenizerBase._from_pretrained` of transformers 5.23. `chat_template.json` is of
a processor, and only counts if the tokenizer has no template.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lockfiles import text
from planner.data.isolation import limits

SPECIAL = (
    "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"
)  # fmt: skip
"""The special tokens that every tokenizer may name."""
CONFIG, SPECIAL_MAP, ADDED = "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"
JINJA, PROCESSOR, MORE = "chat_template.jinja", "chat_template.json", "additional_chat_templates"
DEFAULT, TOOLS = "default", "tool_use"
"""The names of the templates for rows without tools and with tools."""
_SPECIAL_CHARS = 1000
"""The longest special token, in characters; known ones have at most 40."""
_MOST = 1000
"""Most named special tokens, and most named templates."""


def template_files(folder: Path) -> list[str]:
    """Return the paths, relative to a model's folder, of the files that `templates` and
    `special_tokens` read, sorted; only those that exist."""
    names = [CONFIG, SPECIAL_MAP, ADDED, JINJA, PROCESSOR]
    found = [name for name in names if (folder / name).is_file()]
    return sorted([*found, *(f"{MORE}/{path.name}" for path in _more(folder).values())])


def templates(folder: Path) -> dict[str, str]:
    """Return the chat templates of a model by name; the only one is `default`. Empty without any.

    Raises UsageProblem if a file cannot be read.
    """
    found: dict[str, str] = {}
    if os.path.lexists(folder / JINJA):
        found[DEFAULT] = jinja(folder / JINJA)
    found |= {name: jinja(path) for name, path in _more(folder).items()}
    found = found or _named(_json(folder / CONFIG).get("chat_template"))
    return found or _named(_json(folder / PROCESSOR).get("chat_template"))


def jinja(path: Path) -> str:
    """Return the text of a template's file. Raises UsageProblem if it cannot be read."""
    return text.read(path, limit_bytes=4 * limits.TEMPLATE_CHARS)


def special_tokens(folder: Path) -> dict[str, str]:
    """Return the named special tokens of a model, such as `eos_token`, as text.

    `special_tokens_map.json` overrides `tokenizer_config.json`, unless the latter lists the added
    tokens. Raises UsageProblem if a file cannot be read.
    """
    config = _json(folder / CONFIG)
    found = _tokens(config)
    if "added_tokens_decoder" not in config:
        found |= _tokens(_json(folder / SPECIAL_MAP))
    return dict(list(found.items())[:_MOST])


def _tokens(values: Mapping[str, Any]) -> dict[str, str]:
    extra = values.get("extra_special_tokens")
    own = {name: one for name, one in values.items() if name.endswith("_token")}
    named = own | (extra if isinstance(extra, dict) else {})
    found = {name: _content(value) for name, value in named.items()}
    return {
        name: value
        for name, value in found.items()
        if isinstance(value, str) and len(value) <= _SPECIAL_CHARS
    }


def _content(value: object) -> object:
    return value.get("content") if isinstance(value, dict) else value


def _more(folder: Path) -> dict[str, Path]:
    """Return the files of further templates by name."""
    try:
        paths = sorted((folder / MORE).glob("*.jinja"))
    except OSError:
        return {}
    return {path.name.removesuffix(".jinja"): path for path in paths[:_MOST]}


def _named(value: object) -> dict[str, str]:
    """Return templates by name from a text, a mapping, or a list of names and templates."""
    if isinstance(value, str):
        return {DEFAULT: value} if value else {}
    if isinstance(value, list):
        listed = [one for one in value if isinstance(one, dict)]
        value = {one.get("name"): one.get("template") for one in listed}
    named = value.items() if isinstance(value, dict) else ()
    return {
        name: one for name, one in named if isinstance(name, str) and isinstance(one, str) and one
    }


def _json(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file; empty if there is no file."""
    if not os.path.lexists(path):
        return {}
    return text.read_json_object(path, limit_bytes=limits.CONFIG_BYTES)
