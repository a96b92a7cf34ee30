"""The input and the result of an estimate."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from planner.models.facts import Architecture

MIB = 1 << 20


class Sized(Protocol):
    """The facts of a model that memory depends on."""

    @property
    def architecture(self) -> Architecture:
        """Its shape."""

    @property
    def parameters(self) -> int:
        """Total elements of all loaded tensors."""

    @property
    def stored_bytes(self) -> int:
        """Total size of the weight files."""


@dataclass(frozen=True)
class Phase:
    """The memory at one point of a run."""

    name: str
    """`load`, `forward`, `reference`, `backward`, `optimizer` or `evaluation`."""
    components: Mapping[str, int]
    """Bytes by component; none is 0."""

    @cached_property
    def peak_bytes(self) -> int:
        """The sum of all components."""
        return sum(self.components.values())


@dataclass(frozen=True)
class Estimate:
    """The memory of a run by phase; with several cards, of each card."""

    phases: tuple[Phase, ...]
    """In the order of a run; `reference` exists only for DPO."""
    paged_bytes: int = 0
    """Paged optimizer states: on the card while there is room, outside torch's allocator."""
    host_bytes: int = 0
    """Bytes that the process offloads to main memory."""
    apart_bytes: int = 0
    """Bytes that torch's allocator keeps besides the peak."""
    stored_bytes: int = 0
    """Bytes that the process offloads to an SSD."""
    loading_bytes: int = 0
    """Bytes of main memory that the process needs to load the model on a card."""

    @cached_property
    def peak(self) -> Phase:
        """The phase with the highest memory."""
        return max(self.phases, key=lambda phase: phase.peak_bytes)
