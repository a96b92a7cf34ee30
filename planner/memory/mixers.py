"""The memory of what stands in the place of attention, or besides it, in bytes per token."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from planner.memory import gated_delta, latent, per_layer_inputs, short_convolution, state_space
from planner.models.shapes.blocks import Block
from planner.models.shapes.mixers import (
    Absent,
    GatedDelta,
    Latent,
    Mixer,
    PerLayerInput,
    ShortConvolution,
    StateSpace,
)
from planner.models.shapes.shape import Architecture
from planner.setup.setup import Profile

Cost = Callable[[Architecture, Profile, Block], int]
"""Returns bytes per token from the shape of the layer, the plan and the layer's block."""


def _nothing(shape: Architecture, profile: Profile, block: Block) -> int:
    return 0


@dataclass(frozen=True)
class Costs:
    """What one kind of mixer costs, without its linear layers, which are counted as all others."""

    saved: Cost
    """Saved for the backward pass."""
    forward: Cost
    """The peak of temporary tensors in a forward pass under checkpointing."""
    backward: Cost
    """The same in the backward pass, besides what is saved."""
    quiet: Cost
    """The same in a pass without gradients."""
    within: Cost = _nothing
    """The peak within a forward pass that saves, less all that the layer's mixer saves."""


_NONE = Costs(_nothing, _nothing, _nothing, _nothing)
_COSTS: Mapping[type[Mixer], Costs] = {
    Absent: _NONE,
    PerLayerInput: Costs(
        per_layer_inputs.saved,
        per_layer_inputs.inside,
        per_layer_inputs.inside,
        per_layer_inputs.inside,
    ),
    StateSpace: Costs(
        state_space.saved,
        state_space.forward,
        state_space.backward,
        state_space.forward,
        state_space.within,
    ),
    ShortConvolution: Costs(
        short_convolution.saved,
        short_convolution.forward,
        short_convolution.backward,
        short_convolution.forward,
    ),
    Latent: Costs(latent.saved, latent.forward, latent.backward, latent.forward),
    GatedDelta: Costs(
        gated_delta.saved,
        gated_delta.forward,
        gated_delta.backward,
        gated_delta.quiet,
        gated_delta.within,
    ),
}


def costs(mixer: Mixer) -> Costs:
    """Return what a mixer costs."""
    return _COSTS[type(mixer)]
