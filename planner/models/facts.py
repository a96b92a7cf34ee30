"""Reads the facts of a base model from its files, without a training stack."""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from lockfiles import digest, files
from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice
from lockfiles.harmless import is_harmless
from planner.models import folder
from planner.models.architecture import Architecture, architecture
from planner.models.folder import CONFIG, INDEX, SINGLE, is_weights, shards
from planner.models.folder_kinds import check_folder
from planner.models.held import Held
from planner.models.loadable import check_loadable
from planner.models.parameters import parameter_count
from planner.models.stored import index_of, read_shape

__all__ = [
    "Architecture",
    "FileFact",
    "ModelFacts",
    "architecture",
    "from_folder",
    "parameter_count",
]

CARD_LIMIT_BYTES = 4 * files.MIB


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
    """Weights, configuration and tokenizer, sorted by name."""
    architecture: Architecture
    """Its shape."""
    parameters: int
    """Total elements of the stored tensors that are loaded."""
    dtype: str
    """The most common stored type, such as `BF16`."""
    revision: str = ""
    """The requested branch, tag or commit; empty for a folder."""
    commit: str = ""
    """The resolved commit, 40 hex digits; empty for a folder."""
    license: str = ""
    """From the model card, such as `apache-2.0`; empty if it has none."""
    gated: bool = False
    """Whether the Hub requires an agreement before the download."""
    own_head: bool = False
    """Whether the weights have a head that differs from the embedding, though `config.json` ties
    them; on the Hub, samples are compared."""
    held: Mapping[str, Held] = field(default_factory=dict, repr=False, compare=False)
    """All stored tensors by name."""
    ahead: tuple[str, ...] = ()
    """The names of those that predict further tokens at once, which are not loaded."""
    aside: int = 0
    """Elements outside of a wrapper's decoder, such as those of a vision tower, which stay
    frozen."""
    drops_scores: bool = False
    """Whether attention drops scores at random in training (`attention_dropout`)."""
    rescales: bool = False
    """Whether rotary embeddings are scaled by the longest position of each pass."""

    @property
    def stored_bytes(self) -> int:
        """Total size of the weight files."""
        return sum(file.size_bytes for file in self.files if is_weights(file.name))


def from_folder(
    path: Path, original: str = "", sha256: Callable[[int], str] = digest.of_descriptor
) -> ModelFacts:
    """Read and hash the model in a folder.

    `original` is the model that it may have been quantized from, for errors; empty if unknown.
    `sha256` returns the digest of an open file.
    Raises UsageProblem for a missing folder, one that holds something else, weights that are
    missing or not safetensors (pickled weights can run code when loaded), a link that leads out of
    the folder, a `config.json` without the required fields, and tensors that differ from it.
    """
    listed = frozenset(folder.list_entries(path))
    check_folder(path, listed)
    weights = weights_in(path, listed)
    small = [name for name in folder.small_files(path) if name != INDEX or weights != [SINGLE]]
    for name in small:
        _check_small(path, name)
    check_loadable(path)
    places = {name: folder.real_place(path, name) or path / name for name in weights}
    front = _front(path)
    original = _field(front, "base_model") or original
    read = read_shape(path, places, str(path / CONFIG), original)
    facts = tuple(_fact(path, name, sha256) for name in sorted((*weights, *small)))
    return ModelFacts(
        str(path),
        facts,
        read.architecture,
        read.parameters,
        read.dtype,
        license=_field(front, "license"),
        own_head=read.both is not None and not read.architecture.tied,
        held=read.held,
        ahead=read.ahead,
        aside=read.aside,
        drops_scores=read.drops_scores,
        rescales=read.rescales,
    )


def weights_in(path: Path, listed: frozenset[str]) -> list[str]:
    """Return the weight files that training loads: the single file, or those in the index.

    Others, such as `consolidated.safetensors`, have the same weights for other programs. `listed`
    are the names in the folder. Raises UsageProblem for a folder without weights.
    """
    if SINGLE in listed:
        return [SINGLE]
    if INDEX not in listed:
        raise UsageProblem(
            f"`{path}` has no `.safetensors` weights under the usual names.",
            fix=Advice("save the model again with `save_pretrained`, which writes safetensors"),
        )
    _check_small(path, INDEX)
    return sorted(shards(index_of(path), str(path / INDEX), listed))


def _check_small(path: Path, name: str) -> None:
    place = folder.real_place(path, name)
    if place is not None and place.stat().st_size > folder.SMALL_LIMIT_BYTES:
        raise UsageProblem(
            f"`{path / name}` is larger than {files.size_text(folder.SMALL_LIMIT_BYTES)}.",
            fix=Advice("use the folder of a single model"),
        )


def _fact(path: Path, name: str, sha256: Callable[[int], str]) -> FileFact:
    _, descriptor = folder.opened(path, name)
    try:
        return FileFact(name, os.fstat(descriptor).st_size, sha256(descriptor))
    finally:
        os.close(descriptor)


def _front(path: Path) -> str:
    """Return the front matter of the folder's model card; empty if the card cannot be read."""
    try:
        source = files.read_bounded(path / "README.md", CARD_LIMIT_BYTES).decode("utf-8")
    except (OSError, ValueError, UsageProblem):
        return ""
    front = re.match(r"---\r?\n(.*?)\n---", source, re.DOTALL)
    return front[1] if front else ""


def _field(front: str, key: str) -> str:
    """Return a field of a card's front matter, or the first of its list; empty if it has none."""
    value = rf"^{key}:(?:[ \t\r]*\n[ \t]*-)?[ \t]*(\S{{1,200}})[ \t\r]*$"
    found = re.search(value, front, re.MULTILINE)
    said = found[1].strip("\"'") if found else ""
    return said if is_harmless(said) else ""
