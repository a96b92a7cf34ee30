"""What every result of `tunelock fit` is about."""

from collections.abc import Sequence
from typing import Protocol

from planner.machines.facts import MachineFacts


class Named(Protocol):
    """A model, as a result names it."""

    @property
    def name(self) -> str:
        """A Hub id, or the path of a `config.json`."""

    @property
    def source(self) -> str:
        """Where its facts come from: `catalogue`, `hub` or `file`."""

    @property
    def family(self) -> str:
        """Its `model_type`."""

    @property
    def parameters(self) -> int:
        """Total elements of all tensors."""

    @property
    def context(self) -> int | None:
        """The longest row that it was made for, in tokens; None where unknown."""

    @property
    def license(self) -> str:
        """From the catalogue; empty where unknown."""

    @property
    def gated(self) -> bool:
        """Whether the Hub requires an agreement before the download; False where unknown."""

    @property
    def gate_seen(self) -> str:
        """When that was checked; empty if it was not."""

    @property
    def quantized(self) -> str:
        """How its published weights are quantized; empty if they are not, or unknown."""

    @property
    def unquantized(self) -> str:
        """The same weights in 16 bits, by name; empty if unknown."""


class Subject(Protocol):
    """A model on a machine."""

    @property
    def model(self) -> Named:
        """The base model."""

    @property
    def machine(self) -> MachineFacts:
        """The machine, local or not."""

    @property
    def longest(self) -> int:
        """Tokens of the longest row."""

    @property
    def lengths(self) -> Sequence[int]:
        """The tokens of the rows that are assumed; empty where every row counts as the longest."""

    @property
    def nodes(self) -> int:
        """Machines that train together."""
