"""The work of sparse attention over latent attention, whose indexer runs forward only.

Counted from `DeepseekV32Attention` of transformers: SDPA computes all pairs under a mask.
"""

from collections.abc import Iterator

from planner.models.shapes.blocks import Block
from planner.models.shapes.mixers import SparseLatent
from planner.models.shapes.shape import Architecture
from planner.setup.setup import Profile
from planner.speed import latent
from planner.speed.parts import Part
from planner.speed.work import Work


def parts(shape: Architecture, profile: Profile, block: Block) -> Iterator[Part]:
    """Yield the elementwise operations of one layer."""
    yield from latent.parts(shape, profile, block)
    mixer = _mixer(block)
    keys = -(-profile.length // mixer.pool)
    yield Part(mixer.index_heads * keys, 28, 0, 20, 0)  # scores: written, scaled, rectified, summed
    yield Part(keys, 40, 0, 14, 0)  # the choice, and its mask


def products(shape: Architecture, profile: Profile, block: Block) -> Work:
    """Return the products between tokens, in a forward pass; those of the indexer in float32."""
    mixer = _mixer(block)
    keys = -(-profile.length // mixer.pool)
    scored = 2.0 * mixer.index_heads * mixer.index_dim * keys * profile.tokens
    square = 2.0 * mixer.heads * (mixer.query + mixer.value) * profile.tokens * profile.length
    return Work(masked_flops=square, matrix_flops=scored)


def _mixer(block: Block) -> SparseLatent:
    assert isinstance(block.mixer, SparseLatent)
    return block.mixer
