"""What a base model is, read from its files without a training stack."""

import json
import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockfiles import digest, text
from lockfiles.errors import UsageProblem


@dataclass(frozen=True)
class Architecture:
    """The facts of `config.json` that memory depends on."""

    family: str
    """`model_type`."""
    hidden: int
    """Width of the residual stream."""
    layers: int
    """Number of layers."""
    heads: int
    """Attention heads."""
    kv_heads: int
    """Key and value heads."""
    head_dim: int
    """Width of a head."""
    intermediate: int
    """Width of the MLP."""
    vocabulary: int
    """Rows of the embedding."""
    tied: bool
    """Whether the head shares the embedding."""
    context: int
    """Longest sequence, in tokens."""


@dataclass(frozen=True)
class FileFact:
    """One file."""

    name: str
    """Its name in the folder."""
    size_bytes: int
    """Its size in bytes."""
    sha256: str
    """Its digest, 64 hex digits."""


@dataclass(frozen=True)
class ModelFacts:
    """One model in a folder."""

    source: str
    """The folder."""
    files: tuple[FileFact, ...]
    """Weights, configuration and tokenizer, by name."""
    architecture: Architecture
    """Its shape."""
    parameters: int
    """Elements of all stored tensors."""
    dtype: str
    """The commonest stored type, such as `BF16`."""


def from_folder(path: Path) -> ModelFacts:
    """Read and hash the model in a folder.

    Raises UsageProblem for a missing folder, weights that are no safetensors (pickled weights
    can run code when they are loaded, so they are refused) and a `config.json` without the
    needed fields.
    """
    if not path.is_dir():
        raise UsageProblem(f"The model folder `{path}` does not exist.", hint=f"ls {path.parent}")
    weights = sorted(path.glob("*.safetensors"))
    if not weights:
        raise UsageProblem(
            f"`{path}` holds no `.safetensors` weights.",
            hint="save the model again with `save_pretrained`, which writes safetensors",
        )
    sizes = Counter[str]()
    for file in weights:
        for name, tensor in digest.safetensors_header(file)[1].items():
            if name != "__metadata__":
                sizes[tensor["dtype"]] += math.prod(tensor["shape"])
    names = {*weights, *path.glob("*.json"), *path.glob("*.jinja"), *path.glob("*.model")}
    files = tuple(
        FileFact(file.name, file.stat().st_size, digest.of_file(file)) for file in sorted(names)
    )
    dtype = sizes.most_common(1)[0][0] if sizes else ""
    return ModelFacts(str(path), files, _architecture(path), sizes.total(), dtype)


def _architecture(path: Path) -> Architecture:
    config = _Config(path / "config.json")
    hidden, heads = config.integer("hidden_size"), config.integer("num_attention_heads")
    return Architecture(
        family=config.text("model_type"),
        hidden=hidden,
        layers=config.integer("num_hidden_layers"),
        heads=heads,
        kv_heads=config.integer("num_key_value_heads", heads),
        head_dim=config.integer("head_dim", hidden // heads),
        intermediate=config.integer("intermediate_size"),
        vocabulary=config.integer("vocab_size"),
        tied=config.values.get("tie_word_embeddings", False) is True,
        context=config.integer("max_position_embeddings"),
    )


class _Config:
    """A `config.json`, with one sentence for each way in which it can be wrong."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self.values: dict[str, Any] = json.loads(text.read(path))
        except (ValueError, RecursionError) as problem:
            raise UsageProblem(f"`{path}` is not valid JSON: {problem}.") from None
        if not isinstance(self.values, dict):
            raise UsageProblem(f"`{path}` is not a JSON object.")

    def integer(self, name: str, default: int | None = None) -> int:
        value = self._value(name, default)
        if type(value) is not int or value <= 0:
            raise UsageProblem(f"`{name}` in `{self._path}` is not a whole number above 0.")
        return value

    def text(self, name: str) -> str:
        value = self._value(name, None)
        if not isinstance(value, str):
            raise UsageProblem(f"`{name}` in `{self._path}` is not a text.")
        return value

    def _value(self, name: str, default: object) -> object:
        value = self.values.get(name)
        value = default if value is None else value
        if value is None:
            raise UsageProblem(f"`{self._path}` has no field `{name}`.")
        return value
