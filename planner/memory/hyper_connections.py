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


def around(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return what other streams, or their gradients, add to one while attention or MLP run."""
    return profile.width * (_mixer(block).streams - 1) * shape.hidden


def _mixer(block: Block) -> HyperConnections:
    (found,) = (one for one in block.beside if isinstance(one, HyperConnections))
    return found
