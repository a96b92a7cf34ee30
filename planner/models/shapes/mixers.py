"""What stands in the place of attention in a layer, or besides attention and MLP."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mixer:
    """A layer's way to mix tokens, or a further part of it; each kind adds its own widths.

    `planner.memory.mixers` and `planner.speed.mixers` know what each kind costs.
    """


@dataclass(frozen=True)
class PerLayerInput(Mixer):
    """A gated embedding of the layer's own, added after the MLP (Gemma 3n and 4)."""

    width: int
    """Width of that embedding."""


@dataclass(frozen=True)
class AlternatingUpdates(Mixer):
    """Several residual streams, a low-rank branch and a layer's own embedding (Gemma 3n)."""

    streams: int
    """Residual streams."""
    rank: int
    """Width inside the low-rank branch."""
    inputs: int
    """Width of the layer's own embedding."""
    sparse: bool
    """Whether the MLP keeps only its largest activations."""
