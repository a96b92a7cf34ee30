"""The memory of multi-head latent attention, in bytes per token.

Counted from `DeepseekV3Attention` of transformers, with SDPA's fused kernels, and FlashAttention's
backward kernel (`mha_bwd` in PyTorch's
`aten/src/ATen/native/transformers/cuda/flash_attn/flash_api.cpp`).
"""

from planner.models.shapes.blocks import Block
from planner.models.shapes.mixers import Latent
from planner.models.shapes.shape import Architecture
from planner.setup.setup import Profile


def saved(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return what attention saves, with the norms of its latents.

    Values are a part of the tensor that they are projected to with the keys, which stays complete.
    """
    mixer, width = _latent(block), profile.width
    queries, values = mixer.heads * mixer.query, mixer.heads * mixer.value
    scale = width if profile.method == "full" else 0
    held = {
        "latents in their norms": (4 + scale) * (mixer.query_rank + mixer.key_rank),
        "queries": width * queries,
        "keys": width * queries,
        "keys without positions, and values": width * _projected(mixer),
        "output": width * values,
        "float32 statistics": 4 * mixer.heads,
        "output for the next layer": width * values * _shares(profile),
    }
    return sum(held.values())


def backward(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return the temporary tensors at the backward pass of SDPA, less what is freed before it."""
    mixer, width = _latent(block), profile.width
    queries, values = mixer.heads * mixer.query, mixer.heads * mixer.value
    held = {
        "gradient of the output": width * values,
        "gradients of queries and keys": 2 * width * queries,
        "gradient of the values": width * values,
        "gradient of the queries in float32": 4 * queries,
        "output for the next layer": -width * values * _shares(profile),
    }
    return sum(held.values())


def forward(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return the tensors that exist in a forward pass when the output is copied."""
    mixer, width = _latent(block), profile.width
    queries, values = mixer.heads * mixer.query, mixer.heads * mixer.value
    held = {
        "residual stream and its norm": 2 * shape.hidden,
        "queries, before and after their rotation": 2 * queries,
        "latent of keys and values, and its norm": 2 * mixer.key_rank + mixer.rotated,
        "keys": queries,
        "keys without positions, and values": _projected(mixer),
        "output and its copy": 2 * values,
    }
    return width * sum(held.values())


def _latent(block: Block) -> Latent:
    assert isinstance(block.mixer, Latent)
    return block.mixer


def _projected(mixer: Latent) -> int:
    """Return the width of the projection of keys without positions and of values."""
    return mixer.heads * (mixer.unrotated + mixer.value)


def _shares(profile: Profile) -> bool:
    """Return whether the output projection saves its input rather than a copy of it."""
    return profile.method == "full" or not (profile.dropped > 0 or profile.casts)
