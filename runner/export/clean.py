"""Turns saved weights into a folder to share: adds tokenizer and template, removes local traces.

Libraries save more than weights: a pickle of the trainer's arguments, a model card of their own,
and paths of this machine in their configurations.
"""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lockfiles.files import write_whole
from lockfiles.lock import Model
from planner.models import config_json

_TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
    "vocab.json",
    "spiece.model",
    "sentencepiece.bpe.model",
)
"""Copied unchanged from the base: saving a tokenizer again can lose some of them."""
_GENERATION = "generation_config.json"
_TRACES = ("training_args.bin", "README.md")
_LOCAL = ("_name_or_path", "name_or_path", "auto_map", "is_local", "local_files_only")
ADAPTER_CONFIG = "adapter_config.json"


def cleaned(folder: Path, model: Model) -> None:
    """Remove files that no loader needs, and paths, from a folder that a trainer saved."""
    for name in _TRACES:
        (folder / name).unlink(missing_ok=True)
    on_hub = model.source.startswith("hf:")
    base = {
        "base_model_name_or_path": model.source.removeprefix("hf:") if on_hub else "",
        "revision": model.commit or None,
    }
    _edit(folder / ADAPTER_CONFIG, base)
    _forget(folder)


def with_tokenizer(folder: Path, base: Path, template: str | None) -> None:
    """Replace a folder's tokenizer with the base's files, and its chat template with the lock's own
    one, if any."""
    for name in _TOKENIZER_FILES:
        (folder / name).unlink(missing_ok=True)
        if (base / name).exists():
            shutil.copyfile(base / name, folder / name)
    if template is not None:
        write_whole(folder / "chat_template.jinja", template.encode())
    _forget(folder)


def _forget(folder: Path) -> None:
    """Remove paths of this machine and references to code from configurations."""
    for name in ("config.json", "tokenizer_config.json"):
        _edit(folder / name, {}, without=_LOCAL)


def _edit(path: Path, values: dict[str, Any], without: Sequence[str] = ()) -> None:
    """Change fields of a JSON file, if it exists and they differ."""
    if not path.is_file():
        return
    before = config_json.read(path)
    after = {key: value for key, value in before.items() if key not in without} | values
    if after != before:
        write_whole(path, (json.dumps(after, indent=2) + "\n").encode())


def complete(folder: Path, base: Path, template: str | None, end_ids: Sequence[int] = ()) -> None:
    """Add the base's tokenizer, and the lock's own chat template, to a folder of weights.

    `end_ids` are the tokens that end an answer. They are written to `generation_config.json`: with
    only the base's own, a base model that was taught to chat would not stop after its answer.
    """
    with_tokenizer(folder, base, template)
    if (base / _GENERATION).exists():
        shutil.copyfile(base / _GENERATION, folder / _GENERATION)
    if end_ids:
        _end_at(folder / _GENERATION, end_ids)


def _end_at(path: Path, end_ids: Sequence[int]) -> None:
    values = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    ends = end_ids[0] if len(end_ids) == 1 else list(end_ids)
    if values.get("eos_token_id") != ends:
        text = json.dumps(values | {"eos_token_id": ends}, indent=2) + "\n"
        write_whole(path, text.encode())
