"""What a base model is, read from its files without a training stack."""

import math
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lockfiles import digest, text
from lockfiles.errors import UsageProblem

_QK_NORM = frozenset(
    ["qwen3", "qwen3_moe", "qwen3_next", "gemma3", "gemma3_text", "olmo2", "olmo3", "exaone4"]
)
"""Families that normalise queries and keys, head by head, with no field to say so."""
_BIAS = frozenset(["qwen2", "phi"])
"""Families whose query, key and value layers always have a bias."""


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
    qk_norm: bool
    """Whether queries and keys are normalised before attention."""
    bias: bool
    """Whether the query, key and value layers have a bias."""


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
    """One model, in a folder or on the Hub."""

    source: str
    """The folder, or the name of the repository."""
    files: tuple[FileFact, ...]
    """Weights, configuration and tokenizer, by name."""
    architecture: Architecture
    """Its shape."""
    parameters: int
    """Elements of all stored tensors."""
    dtype: str
    """The commonest stored type, such as `BF16`."""
    revision: str = ""
    """The branch, tag or commit that was asked for; empty for a folder."""
    commit: str = ""
    """The commit that it resolved to, 40 hex digits; empty for a folder."""
    licence: str = ""
    """What the model card states, such as `apache-2.0`; empty where it states none."""
    gated: bool = False
    """Whether the Hub asks for an agreement before the download."""


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
    config = path / "config.json"
    shape = architecture(text.read_json_object(config), str(config))
    return ModelFacts(str(path), files, shape, sizes.total(), dtype, licence=_licence(path))


def architecture(config: Mapping[str, object], name: str) -> Architecture:
    """Return the shape that a `config.json` describes; `name` names it in errors.

    Raises UsageProblem for a field that is missing or of another type.
    """
    found = _Config(config, name)
    family = found.text("model_type")
    hidden, heads = found.integer("hidden_size"), found.integer("num_attention_heads")
    return Architecture(
        family=family,
        hidden=hidden,
        layers=found.integer("num_hidden_layers"),
        heads=heads,
        kv_heads=found.integer("num_key_value_heads", heads),
        head_dim=found.integer("head_dim", hidden // heads),
        intermediate=found.integer("intermediate_size"),
        vocabulary=found.integer("vocab_size"),
        tied=config.get("tie_word_embeddings", False) is True,
        context=found.integer("max_position_embeddings"),
        qk_norm=family in _QK_NORM or config.get("use_qk_norm") is True,
        bias=family in _BIAS or config.get("attention_bias") is True,
    )


def _licence(path: Path) -> str:
    """Return `license` of the front matter of the folder's model card."""
    card = path / "README.md"
    source = text.read(card) if card.is_file() else ""
    front = re.match(r"---\r?\n(.*?)\n---", source, re.DOTALL)
    found = re.search(r"^license:[ \t]*(\S+)", front[1], re.MULTILINE) if front else None
    return found[1].strip("\"'") if found else ""


@dataclass(frozen=True)
class _Config:
    """A `config.json`, with one sentence for each way in which a field can be wrong."""

    values: Mapping[str, object]
    name: str

    def integer(self, field: str, default: int | None = None) -> int:
        value = self._value(field, default)
        if not isinstance(value, int) or isinstance(value, bool) or value <= 0:
            raise self._wrong(f"`{field}` in `{self.name}` is not a whole number above 0.")
        return value

    def text(self, field: str) -> str:
        value = self._value(field, None)
        if not isinstance(value, str):
            raise self._wrong(f"`{field}` in `{self.name}` is not a text.")
        return value

    def _value(self, field: str, default: object) -> object:
        value = self.values.get(field)
        value = default if value is None else value
        if value is None:
            raise self._wrong(f"`{self.name}` has no field `{field}`.")
        return value

    def _wrong(self, sentence: str) -> UsageProblem:
        return UsageProblem(sentence, hint=f"get `{self.name}` again, of a causal language model")
