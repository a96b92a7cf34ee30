"""The memory of what replaces attention, or besides it, in bytes per token."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from planner.memory import (
    alternating_updates,
    compressed_keys,
    gated_delta,
    hyper_connections,
    kimi_delta,
    latent,
    mlp,
    per_layer_inputs,
    short_convolution,
    sparse_latent,
    state_space,
)
from planner.models.shapes.blocks import Block
from planner.models.shapes.mixers import (
    Absent,
    AlternatingUpdates,
    CompressedKeys,
    GatedDelta,
    HyperConnections,
    KimiDelta,
    Latent,
    Mixer,
    NormedRouter,
    PerLayerInput,
    ShortConvolution,
    SparseLatent,
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
    AlternatingUpdates: Costs(
        alternating_updates.saved,
        alternating_updates.without_gradient,
        alternating_updates.inside,
        alternating_updates.without_gradient,
    ),
    NormedRouter: Costs(mlp.router, _nothing, _nothing, _nothing),
    PerLayerInput: Costs(
        per_layer_inputs.saved,
        _nothing,  # less than any MLP
        _nothing,
        _nothing,
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
    CompressedKeys: Costs(
        compressed_keys.saved,
        compressed_keys.forward,
        compressed_keys.backward,
        compressed_keys.forward,
        compressed_keys.within,
    ),
    HyperConnections: Costs(
        hyper_connections.saved,
        hyper_connections.around,
        hyper_connections.around,
        hyper_connections.around,
    ),
    KimiDelta: Costs(kimi_delta.saved, kimi_delta.forward, kimi_delta.backward, kimi_delta.forward),
    SparseLatent: Costs(
        latent.saved,
        sparse_latent.forward,
        sparse_latent.backward,
        sparse_latent.forward,
        sparse_latent.within,
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
