"""Looks up models and accelerators by name, without network access.

The facts are in `models.toml` and `gpus.toml`, each with its sources.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Option
from lockfiles.harmless import one_line
from planner.catalogue.card_memory import usable_bytes, working_set
from planner.catalogue.links import Links, links_of
from planner.models.architecture import Architecture, architecture

_FOLDER = Path(__file__).parent
_MIB, _GIB = 1 << 20, 1 << 30
_MAKERS = re.compile(r"nvidia|geforce|tesla|amd|radeon|instinct|apple|intel|[^a-z0-9]")
"""Parts of card names that people leave out."""
_VENDORS: Mapping[str, str] = {
    "nvidia": "NVIDIA", "geforce": "NVIDIA", "tesla": "NVIDIA", "quadro": "NVIDIA",
    "jetson": "NVIDIA", "amd": "AMD", "radeon": "AMD", "instinct": "AMD", "ryzen": "AMD",
    "apple": "Apple", "intel": "Intel", "arc": "Intel", "gaudi": "Intel",
}  # fmt: skip
"""The vendor of a card by a word of its name."""
_COMPUTERS = re.compile(r"\b(macbook(\s+(pro|air))?|mac\s+(mini|studio|pro)|imac)\b", re.IGNORECASE)
"""Computers that people name before the chip in them."""
_SIZE = re.compile(r"\b(\d{1,4})\s*gi?b?\b", re.IGNORECASE)
"""A memory size in a name."""
_NULLS = frozenset(["q_lora_rank", "sliding_window"])
"""Fields of a row in which 0 means null, which TOML lacks."""
_MOST_SHOWN_CHARS = 100
_MOST_MEANT = 6
_BY_MEMORY = Option("--memory GIB", to="use", note="for a GPU that is not listed")


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
    gate_seen: str = ""
    """Month in which `gated` was checked, such as `2026-10`; empty if it was not."""
    quantized: str = ""
    """How its published weights are quantized, such as `FP8`; empty if they are not, or unknown."""


@dataclass(frozen=True)
class Accelerator:
    """One graphics card or chip."""

    name: str
    """Such as `RTX 4090`."""
    vendor: str
    """`NVIDIA`, `AMD`, `Apple` or `Intel`."""
    memory_bytes: int
    """Memory that the driver reports, in bytes; if unknown, the nominal size."""
    bandwidth_bytes_per_second: float
    """Memory bandwidth."""
    bf16_flops: float
    """Dense bf16 operations per second, without sparsity; 0 if unknown."""
    compute_capability: str
    """Such as `8.9`; the instruction set, such as `gfx942`, for AMD and Intel; empty for Apple."""
    usable_bytes: int
    """Memory that a process gets of an idle card, in bytes."""
    built_in: bool = False
    """Whether it is part of a laptop or of a board, so that a machine has one."""
    unified: bool = False
    """Whether its memory is the machine's main memory."""
    host: float = 1.0
    """Slowness of its host, relative to the one that `planner.speed` was fitted to."""
    links: Links = field(default_factory=Links)
    """How fast several of it exchange data."""


@cache
def models() -> tuple[CatalogueModel, ...]:
    """Return every model of the catalogue, in the order of its file."""
    return tuple(_model(name, row) for name, row in _named_rows())


def model_ids() -> tuple[str, ...]:
    """Return the Hub id of every model of the catalogue, in the order of its file."""
    return tuple(name for name, _ in _named_rows())


def find_model(name: str) -> CatalogueModel | None:
    """Return the model with this Hub id or repository name, ignoring case; None if unknown.

    A repository name alone is never a mirror's.
    """
    key = name.strip().lower()
    for text, lower in _model_tables():
        if f'"{key}"' not in lower and f'/{key}"' not in lower:
            continue
        row = tomllib.loads(text)  # parsing all tables takes 40 ms
        for one in _names(row):
            part = one.lower().rpartition("/")[2] if one in row["names"] else ""
            if key in (one.lower(), part):
                return _model(one, row)
    return None


def nearest_models(name: str) -> tuple[str, ...]:
    """Return up to three Hub ids of the same size, version and family, most similar first."""
    from planner.catalogue import model_names  # a known name needs no comparison

    originals = (one for one, row in _named_rows() if one in row["names"])
    return model_names.near(name.strip(), originals)


def accelerators() -> tuple[Accelerator, ...]:
    """Return every accelerator of the catalogue, in the order of its file."""
    return tuple(
        _accelerator(group, card)
        for group in _rows("gpus.toml")["group"]
        for card in group["cards"]
    )


def find_accelerator(name: str) -> Accelerator:
    """Return the accelerator with this name, ignoring case, spaces and the vendor's name.

    Raises UsageProblem for an unknown name, with those of which it may be a misspelling.
    """
    known, name = _accelerator_names(), _COMPUTERS.sub("", name).strip() or name
    key = _plain(name)
    found = known.get(key) or known.get(f"rtx{key}")
    if found and _vendors(name) <= {found.vendor}:
        return found
    if len(name) <= _MOST_SHOWN_CHARS and (other := _same(name)):
        return known[_plain(other)]
    raise _unknown(name)


def _same(name: str) -> str:
    """Return the card that a name in other words means, or nothing."""
    from planner.catalogue import card_names

    return card_names.same(name, _of_vendor(name))


@dataclass(frozen=True)
class _Listed:
    """A card of the file."""

    name: str
    memory_gib: int


def _unknown(name: str) -> UsageProblem:
    """Return the error for an unknown card, with the ones of which it may be a misspelling."""
    from planner.catalogue import card_names

    listed = _of_vendor(name)
    shown = one_line(name, most=_MOST_SHOWN_CHARS)
    fix: list[Option] = []
    said = f"The GPU `{shown}` is unknown"
    if len(name) > _MOST_SHOWN_CHARS:
        said += "."
    elif other := _of_other_memory(name):
        chip, gib = other
        share = str(working_set(gib * _GIB) // _GIB)
        said += f"; `{chip.name}` is listed with {chip.memory_bytes // _GIB} GiB."
        fix.append(Option("--memory {}", share, to="use", note="what its GPU gets of it"))
    elif near := card_names.near(name, listed):
        names = ", ".join(f"`{one}`" for one in near)
        said += f"; the nearest known {'are' if near[1:] else 'is'} {names}."
        fix.append(Option("--gpu {}", near[0], to="use"))
    elif meant := card_names.meant(name, listed)[:_MOST_MEANT]:
        said = f"`{shown}` may be one of several GPUs: {', '.join(f'`{one}`' for one in meant)}."
        fix.append(Option("--gpu NAME", to="use", note="with one of those names"))
    else:
        said += "."
    return UsageProblem(said, fix=(*fix, _BY_MEMORY))


def _of_other_memory(name: str) -> tuple[Accelerator, int] | None:
    """Return the Apple chip that a name means, and the GiB that it states, if it has that memory
    besides the one that is listed."""
    stated = _SIZE.findall(name)
    chip = _accelerator_names().get(_plain(_SIZE.sub("", name)))
    if len(stated) != 1 or not chip or chip.vendor != "Apple" or not 8 <= int(stated[0]) <= 1024:
        return None
    return chip, int(stated[0])


def _of_vendor(name: str) -> list[tuple[str, _Listed]]:
    """Return each name and card of the vendor that `name` mentions, or of all."""
    vendors = _vendors(name)
    return [(other, card) for vendor, other, card in _listed() if vendors <= {vendor}]


@cache
def _listed() -> tuple[tuple[str, str, _Listed], ...]:
    """Return the vendor, a name and the card, for each name of each card."""
    return tuple(
        (group["vendor"], name, _Listed(card["name"], card["memory_gib"]))
        for group in _rows("gpus.toml")["group"]
        for card in group["cards"]
        for name in (card["name"], *card.get("also", ()))
    )


@cache
def _rows(file: str) -> Mapping[str, Any]:
    return tomllib.loads((_FOLDER / file).read_text(encoding="utf-8"))


@cache
def _model_tables() -> tuple[tuple[str, str], ...]:
    """Return the text of each model's table, and that in lower case."""
    tables = (_FOLDER / "models.toml").read_text(encoding="utf-8").split("[[model]]\n")
    return tuple((table, table.lower()) for table in tables[1:])


def _named_rows() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Return each name with its row; in a row, mirrors are last."""
    for row in _rows("models.toml")["model"]:
        for name in _names(row):
            yield name, row


def _names(row: Mapping[str, Any]) -> tuple[str, ...]:
    return (*row["names"], *row.get("mirrors", ()))


@cache
def _accelerator_names() -> Mapping[str, Accelerator]:
    """Return each accelerator by all of its names, normalized by `_plain`."""
    return {
        _plain(name): _accelerator(group, card)
        for group in _rows("gpus.toml")["group"]
        for card in group["cards"]
        for name in (card["name"], *card.get("also", ()))
    }


def config_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of `config.json` in a row, with null where the file has 0 for it."""
    return {key: value or None if key in _NULLS else value for key, value in row["config"].items()}


def _model(name: str, row: Mapping[str, Any]) -> CatalogueModel:
    config = config_of(row)
    return CatalogueModel(
        name=name,
        architecture=architecture(config, name),
        parameters=row["parameters"],
        license=row["license"],
        gated=row["gated"] and name in row["names"],
        config=config,
        vision_parameters=row.get("vision", 0),
        gate_seen=row.get("seen", ""),
        quantized=row.get("quantized", {}).get(name, ""),
    )


def _accelerator(group: Mapping[str, Any], card: Mapping[str, Any]) -> Accelerator:
    vendor, unified = group["vendor"], group.get("unified", False)
    visible = card.get("visible_mib", 0) * _MIB or card["memory_gib"] * _GIB
    measured = int(card.get("cuda_gib", 0) * _GIB)
    return Accelerator(
        name=card["name"],
        vendor=vendor,
        memory_bytes=visible,
        bandwidth_bytes_per_second=card["gb_per_second"] * 1e9,
        bf16_flops=card["bf16_tflops"] * 1e12,
        compute_capability=group["compute_capability"],
        usable_bytes=usable_bytes(vendor, visible, measured, unified),
        built_in=card.get("built_in", unified),
        unified=unified,
        links=links_of(card["name"], group["compute_capability"]),
    )


def _plain(name: str) -> str:
    return _MAKERS.sub("", name.lower())


def _vendors(name: str) -> frozenset[str]:
    """Return the vendors that a name mentions."""
    words = re.findall(r"[a-z]+", name.lower())
    return frozenset(_VENDORS[word] for word in words if word in _VENDORS)
