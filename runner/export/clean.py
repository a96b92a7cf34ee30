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
from planner.models.folder import TEMPLATES
from planner.models.shapes import config_json
from runner.export.ending import GENERATION, Ending, end_at

_TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "chat_template.json",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "sentencepiece.bpe.model",
    "preprocessor_config.json",
    "processor_config.json",
)
"""Copied unchanged from the base: saving a tokenizer again can lose some of them."""
_TRACES = ("training_args.bin", "README.md")
_LOCAL = ("_name_or_path", "name_or_path", "auto_map", "is_local", "local_files_only")
ADAPTER_CONFIG = "adapter_config.json"
NO_ENDING = Ending()


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


def with_tokenizer(
    folder: Path, base: Path, template: str | None, ending: Ending = NO_ENDING
) -> None:
    """Replace a folder's tokenizer with the base's files, and its chat templates with the lock's
    own one, if any. `ending` is written to both, and to the generation settings."""
    for name in _TOKENIZER_FILES:
        (folder / name).unlink(missing_ok=True)
        if (base / name).exists():
            shutil.copyfile(base / name, folder / name)
    shutil.rmtree(folder / TEMPLATES, ignore_errors=True)
    if template is None:
        _copy_templates(base / TEMPLATES, folder / TEMPLATES)
    else:
        _forget_templates(folder)
        write_whole(folder / "chat_template.jinja", template.encode())
    if (base / GENERATION).exists():
        shutil.copyfile(base / GENERATION, folder / GENERATION)
    end_at(folder, ending)
    _forget(folder)


def _copy_templates(base: Path, folder: Path) -> None:
    for path in sorted(base.glob("*.jinja")):
        folder.mkdir(exist_ok=True)
        shutil.copyfile(path, folder / path.name)


def _forget_templates(folder: Path) -> None:
    """Remove the base's templates: a program that prefers one of them would not render as in
    training."""
    (folder / "chat_template.json").unlink(missing_ok=True)
    _edit(folder / "tokenizer_config.json", {}, without=("chat_template",))


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
