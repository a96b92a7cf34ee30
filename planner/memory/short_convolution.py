"""The memory of a gated short convolution (LFM2), in bytes per token.

Read from `Lfm2ShortConv.forward` in `transformers/models/lfm2/modeling_lfm2.py`.
"""

from planner.models.shapes.blocks import Block
from planner.models.shapes.mixers import ShortConvolution
from planner.models.shapes.shape import Architecture
from planner.setup.setup import Profile


def saved(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return what is saved for the backward pass."""
    assert isinstance(block.mixer, ShortConvolution)
    width = profile.width * block.mixer.width
    kept = {
        "gates and values": 3 * width,
        "input of the convolution": width,
        "output of the convolution": width,
    }
    return sum(kept.values())


def forward(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return the peak of temporary tensors in a forward pass."""
    return 0


def backward(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return the same in the backward pass, besides what is saved."""
    return 0
