"""What a base model is, read from its files without a training stack."""

import math
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from lockfiles import digest, text
from lockfiles.errors import UsageProblem
from planner.architecture import Architecture, architecture
from planner.parameters import parameter_count

__all__ = [
    "Architecture",
    "FileFact",
    "ModelFacts",
    "architecture",
    "from_folder",
    "parameter_count",
]


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

    Raises UsageProblem for a missing folder, weights that are missing or no safetensors
    (pickled weights can run code when they are loaded, so they are refused) and a
    `config.json` without the needed fields.
    """
    if not path.is_dir():
        raise UsageProblem(f"The model folder `{path}` does not exist.", hint=f"ls {path.parent}")
    weights = _weights(path)
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


def _weights(path: Path) -> list[Path]:
    """Return the files that training will load: the single one, else those that the index names.

    Others, such as `consolidated.safetensors`, hold the same weights for other programs.
    """
    single, index = path / "model.safetensors", path / "model.safetensors.index.json"
    if single.is_file():
        return [single]
    if not index.is_file():
        raise UsageProblem(
            f"`{path}` holds no `.safetensors` weights under the usual names.",
            hint="save the model again with `save_pretrained`, which writes safetensors",
        )
    places = text.read_json_object(index).get("weight_map")
    names = sorted({str(name) for name in places.values()}) if isinstance(places, dict) else []
    missing = [name for name in names if name != Path(name).name or not (path / name).is_file()]
    if missing or not names:
        wanted = f"names `{missing[0]}`, which is not there" if missing else "names no file"
        raise UsageProblem(f"`{index}` {wanted}.", hint="copy or download the model again")
    return [path / name for name in names]


def _licence(path: Path) -> str:
    """Return `license` of the front matter of the folder's model card."""
    card = path / "README.md"
    source = text.read(card) if card.is_file() else ""
    front = re.match(r"---\r?\n(.*?)\n---", source, re.DOTALL)
    found = re.search(r"^license:[ \t]*(\S+)", front[1], re.MULTILINE) if front else None
    return found[1].strip("\"'") if found else ""
