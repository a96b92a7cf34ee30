"""The memory of several residual streams with learned weights, in bytes per token.

Counted from `DeepseekV4HyperConnection` and the decoder layer in transformers: the streams are
normalized in float32, before attention and before the MLP.
"""

from planner.models.shapes.blocks import Block
from planner.models.shapes.mixers import HyperConnections
from planner.models.shapes.shape import Architecture
from planner.setup.setup import Profile


def saved(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return what both connections of a layer save."""
    mixer, width = _mixer(block), profile.width
    several, full = mixer.streams, profile.method == "full"
    read = width if profile.autocast else 4
    held = {
        "streams, and the same in float32": (width + 4) * several * shape.hidden,
        "normed streams": read * several * shape.hidden * full,
        "output of attention or MLP": width * shape.hidden,
        "weights between streams, by rounds": 8 * mixer.rounds * (several + 1) * several,
        "weights in the activations' type": (width + 8) * (several + 2) * several,
    }
    return 2 * sum(held.values())


def forward(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return the peak of a forward pass that saves nothing: where the streams are normalized."""
    mixer = _mixer(block)
    return (profile.width + 12) * mixer.streams * shape.hidden


def backward(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return the peak of a backward pass besides what is saved: at the norm of the streams, with
    their gradient and three more in float32."""
    mixer = _mixer(block)
    return (profile.width + 12) * mixer.streams * shape.hidden


def _mixer(block: Block) -> HyperConnections:
    assert isinstance(block.beside, HyperConnections)
    return block.beside
