"""The memory of what stands in the place of attention, or besides it, in bytes per token."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from planner.memory import alternating_updates, mlp, per_layer_inputs
from planner.models.shapes.blocks import Block
from planner.models.shapes.mixers import AlternatingUpdates, Mixer, NormedRouter, PerLayerInput
from planner.models.shapes.shape import Architecture
from planner.setup.setup import Profile

Cost = Callable[[Architecture, Profile, Block], int]
"""Returns bytes per token from the shape of the layer, the plan and the layer's block."""


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


def _nothing(shape: Architecture, profile: Profile, block: Block) -> int:
    return 0


_COSTS: Mapping[type[Mixer], Costs] = {
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
}


def costs(mixer: Mixer) -> Costs:
    """Return what a mixer costs."""
    return _COSTS[type(mixer)]
