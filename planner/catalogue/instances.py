"""Looks up instances of clouds by name: which cards one has, and how many.

The facts are in `instances.toml`.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FILE = Path(__file__).with_name("instances.toml")
_PREFIXES = ("ml.", "standard_")
"""Of names at SageMaker and Azure; people leave them out."""


@dataclass(frozen=True)
class Instance:
    """One kind of instance."""

    card: str
    """Its cards' name in the catalogue."""
    count: int
    """How many it has, at least 1."""


def instances() -> Mapping[str, Instance]:
    """Return every instance by its name in lower case, without a prefix."""
    return _instances()


def find_instance(name: str) -> Instance | None:
    """Return the instance with this name, ignoring case and a cloud's prefix; None if unknown."""
    return _instances().get(_plain(name))


@cache
def _instances() -> Mapping[str, Instance]:
    rows = tomllib.loads(_FILE.read_text(encoding="utf-8"))["cards"]
    return {
        _plain(name): Instance(row["card"], count)
        for row in rows
        for name, count in row["instances"].items()
    }


def _plain(name: str) -> str:
    plain = name.strip().lower()
    for prefix in _PREFIXES:
        plain = plain.removeprefix(prefix)
    return plain
