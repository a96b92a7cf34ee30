"""The work of multi-head latent attention.

Counted with torch's dispatcher in the layers of `glm4_moe_lite` and of `deepseek_v2`, whose rotary
embedding multiplies complex numbers.
"""

from collections.abc import Iterator

from planner.memory.saved_activations import is_masked
from planner.models.shapes.blocks import Block
from planner.models.shapes.mixers import Latent
from planner.models.shapes.shape import Architecture
from planner.setup.setup import Profile
from planner.speed.parts import Part
from planner.speed.work import Work


def parts(shape: Architecture, profile: Profile, block: Block) -> Iterator[Part]:
    """Yield the elementwise operations of one layer."""
    own = _mixer(block)
    norms = 2 if own.query_rank else 1
    yield Part(own.query_rank + own.key_rank, 36, 84, 8 * norms, 14 * norms)
    pairs = 2 * own.heads * own.query
    yield Part(pairs, 13, 32, 14, 31) if own.complex_rotary else Part(pairs, 10, 30, 18, 37)
    yield Part(0, 0, 0, 1, 1)  # attention


def products(shape: Architecture, profile: Profile, block: Block) -> Work:
    """Return the products between tokens, in a forward pass."""
    own = _mixer(block)
    square = 2.0 * own.heads * (own.query + own.value) * profile.rows * profile.length**2
    if is_masked(shape, profile, block):
        return Work(masked_flops=square)
    return Work(attention_flops=square / 2)


def _mixer(block: Block) -> Latent:
    assert isinstance(block.mixer, Latent)
    return block.mixer
