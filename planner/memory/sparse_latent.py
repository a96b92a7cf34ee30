"""The memory of sparse attention over latent attention, in bytes per token.

Counted from `DeepseekV32Attention` and its indexer in transformers. SDPA computes all scores under
a mask of the chosen tokens, so attention saves what latent attention does. The indexer saves
nothing, but its scores exist at once, in float32.
"""

from planner.memory import latent
from planner.models.shapes.blocks import Block
from planner.models.shapes.mixers import SparseLatent
from planner.models.shapes.shape import Architecture
from planner.setup.setup import Profile


def indexing(profile: Profile, mixer: SparseLatent) -> int:
    """Return the peak in the indexer: where its scores are computed or scaled.

    The product reads keys that are repeated for each query (`torch.matmul`).
    """
    if not mixer.index_heads:
        return 0
    keys = -(-profile.length // mixer.pool)
    scores, repeated = 4 * mixer.index_heads * keys, 4 * mixer.index_dim * keys
    queries = (profile.width + 4) * mixer.index_heads * mixer.index_dim
    return max(scores + repeated + queries, 2 * scores)


def forward(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return the peak of a forward pass that saves nothing."""
    mixer = _mixer(block)
    queries = mixer.heads * mixer.query
    held = {
        "residual stream and its norm": 2 * shape.hidden,
        "queries, before and after their rotation": 2 * queries,
        "latents": mixer.query_rank + 2 * mixer.key_rank + mixer.rotated,
        "keys": queries,
        "keys without positions, and values": mixer.heads * (mixer.unrotated + mixer.value),
    }
    inside = profile.width * sum(held.values()) + indexing(profile, mixer)
    masks = (2 + profile.width) * profile.length
    return max(inside, latent.forward(shape, profile, block) + masks)


def backward(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return the peak besides what is saved: at SDPA's backward pass, or with checkpointing in the
    indexer of the recomputed layer."""
    usual = latent.backward(shape, profile, block)
    return max(usual, within(shape, profile, block)) if profile.checkpointing else usual


def within(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return the peak in the indexer, less what is saved after it."""
    mixer = _mixer(block)
    values = mixer.heads * mixer.value
    copied = profile.method == "full" or not (profile.dropped > 0 or profile.casts)
    after = profile.width * values * (1 + copied) + 4 * mixer.heads
    return indexing(profile, mixer) - after


def _mixer(block: Block) -> SparseLatent:
    assert isinstance(block.mixer, SparseLatent)
    return block.mixer
