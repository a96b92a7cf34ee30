"""Writes into a folder at which tokens an answer ends: those that training taught among them.

Programs look in different files: transformers in `generation_config.json`, servers in `config.json`
and at the tokenizer's `eos_token`, and GGUF export at all of them.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockfiles.files import write_whole
from planner.gguf.special import chat_templates
from planner.models.shapes import config_json

GENERATION, CONFIG = "generation_config.json", "config.json"
_TOKENIZER = ("tokenizer_config.json", "special_tokens_map.json")
_NAMED = re.compile(r"\beos_token\b")


@dataclass(frozen=True)
class Ending:
    """Where the answers of a tuned model end."""

    ids: tuple[int, ...] = ()
    """The tokens that end an answer; empty if they are those of the base model."""
    taught: str = ""
    """The text of the one that ends most training rows; empty if none does."""


def end_at(folder: Path, ending: Ending) -> None:
    """Write where answers end into a folder that has a tokenizer, and perhaps a model.

    `eos_token` becomes the taught token, unless a chat template prints `eos_token`: the same text
    must render as it did in training.
    """
    if not ending.ids:
        return
    ids = ending.ids[0] if len(ending.ids) == 1 else list(ending.ids)
    _edit(folder / GENERATION, {"eos_token_id": ids}, make=True)
    _edit(folder / CONFIG, {"eos_token_id": ids} | _inner(folder / CONFIG, ids))
    if ending.taught and not _prints_eos(folder):
        for name in _TOKENIZER:
            _name_eos(folder / name, ending.taught, missing=name == _TOKENIZER[0])


def _inner(path: Path, ids: int | list[int]) -> dict[str, Any]:
    """Return the language model's part of a multimodal configuration, with its end tokens."""
    inner = config_json.read(path).get("text_config") if path.is_file() else None
    return {"text_config": inner | {"eos_token_id": ids}} if isinstance(inner, dict) else {}


def _prints_eos(folder: Path) -> bool:
    """Return whether a chat template, or the encoding of a text, depends on `eos_token`."""
    found = chat_templates(folder) or ""
    texts = [found] if isinstance(found, str) else [one["template"] for one in found]
    path = folder / _TOKENIZER[0]
    adds = path.is_file() and config_json.read(path).get("add_eos_token") is True
    return adds or any(_NAMED.search(text) for text in texts)


def _name_eos(path: Path, text: str, *, missing: bool) -> None:
    """Set `eos_token` in a file, in the form that it has there; `missing`: also where it is not."""
    if not path.is_file():
        return
    before = config_json.read(path).get("eos_token")
    if before is None and not missing:
        return
    after = {**before, "content": text} if isinstance(before, dict) else text
    _edit(path, {"eos_token": after})


def _edit(path: Path, values: dict[str, Any], *, make: bool = False) -> None:
    """Set fields of a JSON file, if they differ."""
    if not path.is_file() and not make:
        return
    before = config_json.read(path) if path.is_file() else {}
    if any(before.get(key) != value for key, value in values.items()):
        write_whole(path, (json.dumps(before | values, indent=2) + "\n").encode())
