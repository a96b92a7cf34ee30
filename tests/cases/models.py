"""Model folders: the demo's base with two of its layers, and what a case changes of it."""

import json
import shutil
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import runner.demo
from tests.cases import stored
from tests.cases.stored import Tensor

BASE = Path(runner.demo.__file__).parent / "base"
LAYERS = 2
CONTEXT = 4096
"""Tokens, of a model whose rows have tools."""

Change = Callable[[Path], None]


def base(to: Path, *changes: Change) -> Path:
    """Write the base to a folder, change it, and return the folder."""
    shutil.copytree(BASE, to)
    dropped = f"model.layers.{LAYERS}."
    found = stored.read(to / "model.safetensors")
    kept = {name: one for name, one in found.items() if not name.startswith(dropped)}
    stored.write(to / "model.safetensors", kept)
    config(num_hidden_layers=LAYERS)(to)
    for change in changes:
        change(to)
    return to


def edit(name: str, *drop: str, **values: object) -> Change:
    """Return a change of the keys of a JSON file."""

    def change(folder: Path) -> None:
        path = folder / name
        found: dict[str, Any] = json.loads(path.read_text("utf-8")) if path.exists() else {}
        kept = {key: value for key, value in found.items() if key not in drop}
        path.write_text(json.dumps(kept | values, ensure_ascii=False), "utf-8")

    return change


def config(*drop: str, **values: object) -> Change:
    """Return a change of `config.json`."""
    return edit("config.json", *drop, **values)


def tokenizer_config(*drop: str, **values: object) -> Change:
    """Return a change of `tokenizer_config.json`."""
    return edit("tokenizer_config.json", *drop, **values)


def template(source: str) -> Change:
    """Return a change of the chat template."""
    return lambda folder: _write(folder / "chat_template.jinja", source)


def known(name: str) -> Change:
    """Return the change to a chat template that TRL has, with room for tools."""

    def change(folder: Path) -> None:
        template((trl() / f"{name}.jinja").read_text("utf-8"))(folder)
        config(max_position_embeddings=CONTEXT)(folder)
        tokenizer_config(bos_token="<|im_start|>", model_max_length=CONTEXT)(folder)

    return change


def trl() -> Path:
    """Return the folder of TRL's chat templates, without importing TRL."""
    spec = find_spec("trl")
    assert spec and spec.origin
    return Path(spec.origin).parent / "chat_templates"


def tensors(make: Callable[[dict[str, Tensor]], Mapping[str, Tensor]]) -> Change:
    """Return a change of the weights: a function from the tensors to others."""

    def change(folder: Path) -> None:
        path = folder / "model.safetensors"
        stored.write(path, make(stored.read(path)))

    return change


def without(*names: str) -> Change:
    """Return the change that leaves tensors out."""
    return tensors(lambda found: {name: one for name, one in found.items() if name not in names})


def more(**added: Tensor) -> Change:
    """Return the change that adds tensors; `__` is a dot."""
    named = {name.replace("__", "."): one for name, one in added.items()}
    return tensors(lambda found: found | named)


def renamed(to: Callable[[str], str]) -> Change:
    """Return the change of the tensors' names."""
    return tensors(lambda found: {to(name): one for name, one in found.items()})


def everything(*changes: Change) -> Change:
    """Return several changes as one."""

    def change(folder: Path) -> None:
        for one in changes:
            one(folder)

    return change


def _write(path: Path, source: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(source, "utf-8")
