"""The model of `tunelock fit`: a catalogue name, a Hub id, a folder or a `config.json`."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice, Command
from planner.catalogue.lookup import find_model, nearest_models
from planner.catalogue.unquantized import unquantized_name
from planner.catalogue.unread import instead
from planner.models.architecture import Architecture, architecture
from planner.models.facts import weights_in
from planner.models.folder import list_entries
from planner.models.folder_kinds import ADAPTER, Read, check_folder, check_kind
from planner.models.parameters import parameter_count
from planner.models.quantized import check_unquantized
from planner.models.shapes import config_json
from planner.models.shapes.config_json import UnknownArchitecture

_CONFIG = "config.json"
_HUB = "hf:"
"""Optional prefix of a Hub id, as in a lock."""
_WAYS = Advice("name a folder, a config.json, or a model on the Hub as `owner/name`")


@dataclass(frozen=True)
class FitModel:
    """The facts of a model that memory and speed depend on."""

    name: str
    """A Hub id, or the path of a `config.json`."""
    source: str
    """Where the facts come from: `catalogue`, `hub` or `file`."""
    architecture: Architecture
    """Its shape."""
    parameters: int
    """Total elements of all tensors."""
    license: str = ""
    """From the catalogue; empty where unknown."""
    gated: bool = False
    """Whether the Hub requires an agreement before the download; False where unknown."""
    gate_seen: str = ""
    """Month or year in which `gated` was checked, such as `2026-10`; empty if it was not."""
    aside: int = 0
    """Elements outside of a wrapper's decoder, such as those of a vision tower; 0 where unknown."""
    here_bytes: int = 0
    """Size of the weight files in the model's folder; 0 where there are none."""
    quantized: str = ""
    """How its published weights are quantized, such as `FP8`, so that training cannot load them;
    empty if they are not, or unknown."""
    unquantized: str = ""
    """The same weights in 16 bits, by their name in the catalogue; empty if there are none."""

    @property
    def family(self) -> str:
        """Its `model_type`."""
        return self.architecture.family

    @property
    def context(self) -> int | None:
        """The longest row that it was made for, in tokens."""
        return self.architecture.context

    @property
    def stored_bytes(self) -> int:
        """Size of the weight files; where they are not local, that of bfloat16 weights."""
        return self.here_bytes or 2 * self.parameters


class UnknownModel(UsageProblem):
    """The closed form does not know the architecture of a model, whose `config.json` was read."""

    def __init__(
        self,
        problem: UnknownArchitecture,
        name: str,
        source: Literal["file", "hub"],
        config: Mapping[str, Any],
        here_bytes: int = 0,
    ) -> None:
        super().__init__(*problem.said, fix=problem.fix)
        self.name, self.source, self.here_bytes = name, source, here_bytes
        """As in `FitModel`."""
        self.config = config
        """What its `config.json` says."""


def find(name: str) -> FitModel:
    """Return the facts of a model.

    A local folder or file is preferred to the catalogue, and the catalogue to the Hub, which is
    asked only for an `owner/name` that the catalogue lacks.
    Raises UsageProblem for an unknown name, with the nearest name in the catalogue, and for a
    `config.json` without the required fields; UnknownModel for an unknown architecture.
    """
    if os.path.isdir(name):
        return _from_folder(Path(name))
    if os.path.isfile(name):
        return _from_file(Path(name))
    repo = name.removeprefix(_HUB)
    if known := find_model(repo):
        size = known.architecture, known.parameters
        gate = known.gated, known.gate_seen
        found = FitModel(known.name, "catalogue", *size, known.license, *gate)
        copy = unquantized_name(known.name) if known.quantized else ""
        return replace(
            found, aside=known.vision_parameters, quantized=known.quantized, unquantized=copy
        )
    if repo.startswith((".", "/", "~")) or repo.endswith(".json") or repo.count("/") > 1:
        raise UsageProblem(f"`{name}` does not exist.", fix=Command("ls {}", Path(name).parent))
    if "/" in repo:
        return _from_hub(repo)
    said = f"`{name}` is neither a folder nor a known model"
    raise UsageProblem(f"{said}{instead(name, 'it')}.", fix=(*_nearest(name), _WAYS))


def _nearest(name: str) -> tuple[Command, ...]:
    """Return the command for the known model of which a name is a misspelling, if there is one."""
    near = nearest_models(name)[:1]
    return tuple(Command("tunelock fit {}", one, to="use the nearest") for one in near)


def _from_folder(path: Path) -> FitModel:
    listed = list_entries(path)
    if ADAPTER in listed or _CONFIG not in listed:
        check_folder(path, listed)
    return _from_file(path / _CONFIG)


def _from_file(path: Path) -> FitModel:
    if path.suffix != ".json":
        raise UsageProblem(f"`{path}` is not a `{_CONFIG}`.", fix=_WAYS)
    config = config_json.read(path)
    check_unquantized(config, str(path), unquantized_name(path.resolve().parent.name))
    here = _weights_bytes(path.parent)
    try:
        shape = architecture(config, str(path))
    except UnknownArchitecture as problem:
        raise UnknownModel(problem, str(path), "file", config, here) from None
    return FitModel(str(path), "file", shape, parameter_count(shape), here_bytes=here)


def _weights_bytes(folder: Path) -> int:
    """Return the bytes of the weight files in a folder; 0 where any is missing."""
    try:
        listed = weights_in(folder, frozenset(list_entries(folder)))
        return sum((folder / name).stat().st_size for name in listed)
    except (OSError, UsageProblem):
        return 0


def _from_hub(repo: str) -> FitModel:
    """Return a model on the Hub; only its `config.json` is fetched, into the Hub's cache."""
    from planner.hub.client import Unreachable, client, sentences

    def read(name: str) -> dict[str, Any]:
        return config_json.read(Path(client().hf_hub_download(repo, name)))

    try:
        with sentences(repo):
            found = _config_in(repo, read)
    except UsageProblem as problem:
        said = problem.message.removesuffix(".")
        also = instead(repo, f"`{repo}`", unread=isinstance(problem, Unreachable))
        raise UsageProblem(f"{said}{also}.", fix=problem.fix) from None
    if found is None:
        with sentences(repo):
            check_kind(repo, client().list_repo_files(repo), read)
    config = found or {}
    check_unquantized(config, f"{repo}/{_CONFIG}", unquantized_name(repo))
    try:
        shape = architecture(config, f"{repo}/{_CONFIG}")
    except UnknownArchitecture as problem:
        raise UnknownModel(problem, repo, "hub", config) from None
    return FitModel(repo, "hub", shape, parameter_count(shape))


def _config_in(repo: str, read: Read) -> dict[str, Any] | None:
    """Return the configuration of a model on the Hub; None if the repository has none."""
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    try:
        return read(_CONFIG)
    except LocalEntryNotFoundError:  # the Hub was not reached
        raise
    except EntryNotFoundError:
        return None
