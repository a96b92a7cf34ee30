"""The memory of TRL's loss head (`trl/kernels/chunked_logprob.py`), in bytes.

It projects scored tokens onto the vocabulary in tiles, so complete rows of logits never exist and a
soft cap needs no memory. A reward model has a single output instead.
"""

from planner.models.facts import Architecture
from planner.models.layers import TILE_COLUMNS, TILE_TOKENS
from planner.setup.setup import Profile

CPU_TILE_WIDTH = 35
"""Bytes per logit of a tile on CPU, where torch's operations replace the GPU kernel."""
CPU_FORWARD_WIDTH = 17
"""The same in a pass without gradients."""


def loss_head(shape: Architecture, profile: Profile) -> int:
    """Return the memory of the loss head at the start of the backward pass."""
    states = shape.hidden * profile.tokens
    if profile.spec.head == "scalar":
        return _norm(shape, profile) + profile.width * states
    full = profile.method == "full"
    summed = 4 + (profile.width if profile.width < 4 else 0)  # in float32, and cast
    held = {
        "final norm": _norm(shape, profile),
        "scored hidden states": picked(shape, profile),
        "gradient of the head": summed * shape.vocabulary * shape.hidden * full,
        "gradient of the scored hidden states": summed * shape.hidden * profile.scored_tokens,
        "tile of logits": tile(shape, profile, CPU_TILE_WIDTH),
    }
    return sum(held.values())


def _norm(shape: Architecture, profile: Profile) -> int:
    """Return what the final norm saves: its float32 input and its output, twice if trained."""
    copies = 2 if profile.method == "full" else 1
    return (4 + copies * profile.width) * shape.hidden * profile.tokens


def kept_by_head(shape: Architecture, profile: Profile) -> int:
    """Return what it saves until the backward pass: final norm and scored hidden states."""
    return _norm(shape, profile) + picked(shape, profile)


def scored_without_gradient(shape: Architecture, profile: Profile) -> int:
    """Return the memory of the loss head in a pass without gradients."""
    norm = (4 + profile.width) * shape.hidden * profile.tokens
    if profile.spec.head == "scalar":
        return norm
    scored = profile.width * shape.hidden * profile.scored_tokens
    return norm + scored + tile(shape, profile, CPU_FORWARD_WIDTH)


def picked(shape: Architecture, profile: Profile) -> int:
    """Return the hidden states of scored tokens, which are gathered for a GPU's kernel."""
    on_gpu = profile.device == "cuda" and profile.spec.head != "scalar"
    return profile.width * shape.hidden * profile.scored_tokens if on_gpu else 0


def tile(shape: Architecture, profile: Profile, cpu_width: int) -> int:
    """Return the bytes of a tile of logits; on CPU, `cpu_width` per logit."""
    if profile.device == "cuda":
        return profile.width * min(profile.scored_tokens, TILE_TOKENS) * TILE_COLUMNS
    return cpu_width * tile_elements(shape, profile)


def tile_elements(shape: Architecture, profile: Profile) -> int:
    """Return the number of logits in a tile."""
    if profile.spec.head == "scalar":
        return 0
    return min(profile.tokens, TILE_TOKENS) * min(shape.vocabulary, TILE_COLUMNS)
