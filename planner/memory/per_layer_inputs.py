"""The memory of embeddings that each layer has of its own (Gemma 3n and 4).

One table holds those of all layers. Their sum with a projection of the usual embedding is
normalized, and each layer gets its part (`project_per_layer_inputs` and the end of the decoder
layer in `modeling_gemma4.py`).
"""

from planner.models.shapes.blocks import Block
from planner.models.shapes.mixers import PerLayerInput
from planner.models.shapes.shape import Architecture
from planner.setup.setup import Profile

NORM_BACKWARD = 20
"""Temporary bytes per element in the backward pass of a norm with a float32 scale."""
NORM_FORWARD = 16
"""The same without gradients: both summands, and the norm's float32 input, product and output."""


def width(shape: Architecture) -> int:
    """Return the elements per token that all layers get together; 0 in other families."""
    return shape.layers * shape.integer("hidden_size_per_layer_input")


def table(shape: Architecture) -> int:
    """Return the elements of the table."""
    return width(shape) * shape.integer("vocab_size_per_layer_input")


def trained_elements(shape: Architecture) -> int:
    """Return the elements of table and projection, whose gradients come last."""
    return table(shape) + width(shape) * shape.hidden


def kept(shape: Architecture, profile: Profile) -> int:
    """Return the bytes per token that are kept until the backward pass has left the first layer.

    Nothing needs a gradient where neither the table nor the usual embedding's output does; with
    checkpointing, PEFT and TRL let the latter.
    """
    own = profile.width + (4 + 4 * (profile.method == "full")) * _needs_gradient(profile)
    return own * width(shape)


def gradient(shape: Architecture, profile: Profile) -> int:
    """Return the bytes per token of the gradient, which each layer adds its part to."""
    return profile.width * width(shape) * _needs_gradient(profile)


def scratch(shape: Architecture, profile: Profile) -> int:
    """Return the bytes of temporary tensors when the gradient has left the layers: in the norm, or
    the table's gradient that is added to that of earlier micro-batches."""
    if not _needs_gradient(profile):
        return 0
    again = profile.width * table(shape) if profile.accumulates else 0
    return max(NORM_BACKWARD * width(shape) * profile.tokens, again * (profile.method == "full"))


def without_gradient(shape: Architecture, profile: Profile) -> int:
    """Return the bytes of a pass without gradients, before the layers."""
    return NORM_FORWARD * width(shape) * profile.tokens


def saved(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return the bytes per token that the gate in a layer saves, without its linear layers."""
    elements = sum(one.width for one in block.beside if isinstance(one, PerLayerInput))
    return profile.width * elements * (1 + _needs_gradient(profile))


def _needs_gradient(profile: Profile) -> bool:
    return profile.method == "full" or profile.checkpointing
