"""What an estimate is made from, and what it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from planner.models.facts import Architecture

MIB = 1 << 20


class Sized(Protocol):
    """A model, as far as its memory depends on it."""

    @property
    def architecture(self) -> Architecture:
        """Its shape."""

    @property
    def parameters(self) -> int:
        """Elements of all its tensors."""

    @property
    def stored_bytes(self) -> int:
        """Of its files of weights."""


@dataclass(frozen=True)
class Phase:
    """What is held at one moment of a run."""

    name: str
    """`load`, `forward`, `reference`, `backward`, `optimizer` or `evaluation`."""
    components: Mapping[str, int]
    """Bytes by component, none of them 0."""

    @cached_property
    def peak_bytes(self) -> int:
        """All components together."""
        return sum(self.components.values())


@dataclass(frozen=True)
class Estimate:
    """What a run holds, phase by phase; with several cards, each of them."""

    phases: tuple[Phase, ...]
    """In the order of a run; `reference` is there only where the objective has one."""
    paged_bytes: int = 0
    """Paged optimizer states: on the card while it has room, but outside torch's allocator."""
    host_bytes: int = 0
    """What the process keeps in main memory because it was offloaded."""

    @cached_property
    def peak(self) -> Phase:
        """The phase that holds most."""
        return max(self.phases, key=lambda phase: phase.peak_bytes)
