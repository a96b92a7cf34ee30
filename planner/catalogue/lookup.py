"""Looks up models and accelerators by name, without network access.

The facts are in `models.toml` and `gpus.toml`, each with its sources.
"""

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Option
from planner.models.architecture import Architecture, architecture

_FOLDER = Path(__file__).parent
_MIB, _GIB = 1 << 20, 1 << 30
_MAKERS = re.compile(r"nvidia|geforce|tesla|amd|radeon|instinct|apple|[^a-z0-9]")
"""Parts of card names that people leave out."""

_NUMBERED = re.compile(r"([a-z]*)([0-9]+)")
"""A series and a model number."""


@dataclass(frozen=True)
class CatalogueModel:
    """One open model, by its name on the Hub."""

    name: str
    """Its Hub id, such as `Qwen/Qwen3-8B`."""
    architecture: Architecture
    """The shape of its decoder."""
    parameters: int
    """Total elements of all loaded tensors; a tied head counts once."""
    license: str
    """From the model card, such as `apache-2.0`."""
    gated: bool
    """Whether the Hub requires an agreement before the download."""
    config: Mapping[str, Any] = field(repr=False, hash=False)
    """The fields of its `config.json` for the decoder."""
    vision_parameters: int = 0
    """Parameters of a vision tower, which is not part of `architecture`."""


@dataclass(frozen=True)
class Accelerator:
    """One graphics card or chip."""

    name: str
    """Such as `RTX 4090`."""
    vendor: str
    """`NVIDIA`, `AMD` or `Apple`."""
    memory_bytes: int
    """Memory that the driver reports, in bytes; if unknown, the nominal size."""
    bandwidth_bytes_per_second: float
    """Memory bandwidth."""
    bf16_flops: float
    """Dense bf16 operations per second, without sparsity; 0 if unknown."""
    compute_capability: str
    """Such as `8.9`; the instruction set, such as `gfx942`, for AMD; empty for Apple."""
    host: float = 1.0
    """Slowness of its host, relative to the one that `planner.speed` was fitted to."""


def models() -> tuple[CatalogueModel, ...]:
    """Return every model of the catalogue, in the order of its file."""
    return tuple(
        _model(name, row) for row in _rows("models.toml")["model"] for name in row["names"]
    )


def find_model(name: str) -> CatalogueModel | None:
    """Return the model with this Hub id or repository name, ignoring case; None if unknown."""
    found = _model_rows().get(name.strip().lower())
    return _model(*found) if found else None


def nearest_models(name: str) -> tuple[str, ...]:
    """Return up to three Hub ids similar to `name`, most similar first."""
    known = {key: found[0] for key, found in _model_rows().items()}
    return _nearest(name.strip().lower(), known)


def accelerators() -> tuple[Accelerator, ...]:
    """Return every accelerator of the catalogue, in the order of its file."""
    return tuple(
        _accelerator(group, card)
        for group in _rows("gpus.toml")["group"]
        for card in group["cards"]
    )


def find_accelerator(name: str) -> Accelerator:
    """Return the accelerator with this name, ignoring case, spaces and the vendor's name.

    Raises UsageProblem for an unknown name, with the nearest known ones.
    """
    known = _accelerator_names()
    key = _plain(name)
    if found := known.get(key) or known.get(f"rtx{key}"):
        return found
    near = _nearest_cards(key, {plain: card.name for plain, card in known.items()})
    said = ", ".join(f"`{one}`" for one in near)
    raise UsageProblem(
        f"The GPU `{name}` is unknown" + (f"; the nearest known are {said}." if near else "."),
        fix=Option("--gpu {}", near[0], to="use")
        if near
        else Option("--memory GIB", to="use", note="for a GPU that is not listed"),
    )


@cache
def _rows(file: str) -> Mapping[str, Any]:
    return tomllib.loads((_FOLDER / file).read_text(encoding="utf-8"))


@cache
def _model_rows() -> Mapping[str, tuple[str, Mapping[str, Any]]]:
    """Return each model's name and row, by its id and its repository name, in lower case."""
    found = [(name, row) for row in _rows("models.toml")["model"] for name in row["names"]]
    parts = {name.lower().rpartition("/")[2]: (name, row) for name, row in found}
    return parts | {name.lower(): (name, row) for name, row in found}


@cache
def _accelerator_names() -> Mapping[str, Accelerator]:
    """Return each accelerator by all of its names, normalized by `_plain`."""
    return {
        _plain(name): _accelerator(group, card)
        for group in _rows("gpus.toml")["group"]
        for card in group["cards"]
        for name in (card["name"], *card.get("also", ()))
    }


def _model(name: str, row: Mapping[str, Any]) -> CatalogueModel:
    config = {
        key: value or None if key == "sliding_window" else value
        for key, value in row["config"].items()
    }
    return CatalogueModel(
        name=name,
        architecture=architecture(config, name),
        parameters=row["parameters"],
        license=row["license"],
        gated=row["gated"],
        config=config,
        vision_parameters=row.get("vision", 0),
    )


def _accelerator(group: Mapping[str, Any], card: Mapping[str, Any]) -> Accelerator:
    visible = card.get("visible_mib", 0) * _MIB
    return Accelerator(
        name=card["name"],
        vendor=group["vendor"],
        memory_bytes=visible or card["memory_gib"] * _GIB,
        bandwidth_bytes_per_second=card["gb_per_second"] * 1e9,
        bf16_flops=card["bf16_tflops"] * 1e12,
        compute_capability=group["compute_capability"],
    )


def _plain(name: str) -> str:
    return _MAKERS.sub("", name.lower())


def _nearest(key: str, known: Mapping[str, str]) -> tuple[str, ...]:
    """Return up to three distinct values whose keys are similar to `key`."""
    from difflib import get_close_matches

    return _once(known[match] for match in get_close_matches(key, known, n=6, cutoff=0.5))[:3]


def _nearest_cards(key: str, known: Mapping[str, str]) -> tuple[str, ...]:
    """Return up to three values whose model number differs in at most one digit; if there are none,
    those of `_nearest`."""
    from difflib import SequenceMatcher

    def unlike(name: str) -> tuple[int, float]:
        return _digits_apart(key, name), -SequenceMatcher(None, key, name).ratio()

    numbered = sorted((name for name in known if _digits_apart(key, name) <= 1), key=unlike)
    return _once(known[name] for name in numbered)[:3] or _nearest(key, known)


def _digits_apart(one: str, other: str) -> int:
    """Return the number of different digits in two model numbers; a swap counts as one.

    Large for numbers of different lengths, and for single digits of different series.
    """
    mine, others = _NUMBERED.match(one), _NUMBERED.match(other)
    if not mine or not others or len(mine[2]) != len(others[2]):
        return len(one) + len(other)
    if len(mine[2]) == 1 and mine[1] != others[1]:
        return len(one) + len(other)
    apart = sum(a != b for a, b in zip(mine[2], others[2], strict=True))
    return 1 if apart == 2 and sorted(mine[2]) == sorted(others[2]) else apart


def _once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
