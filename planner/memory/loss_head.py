"""What TRL's loss head holds (`trl/kernels/chunked_logprob.py`), in bytes.

It projects scored tokens on the vocabulary in tiles, so that no row of logits is ever whole and
a soft cap costs nothing. A reward model has one output in its place.
"""

from planner.models.facts import Architecture
from planner.models.layers import TILE_COLUMNS, TILE_TOKENS
from planner.setup.setup import Profile

CPU_TILE_WIDTH = 35
"""Bytes for each logit of a tile on CPU, where torch's operations take the GPU kernel's place."""
CPU_FORWARD_WIDTH = 17
"""The same without a backward pass."""


def loss_head(shape: Architecture, profile: Profile) -> int:
    """The last norm, a tile of logits, and the gradients that the loss head sums in float32."""
    w, h = profile.width, shape.hidden
    full = profile.method == "full"
    norm = (4 + w + w * full) * h * profile.tokens
    if profile.spec.head == "scalar":
        return norm + w * h * profile.tokens
    gradient = 4 + (w if w < 4 else 0)
    table = gradient * shape.vocabulary * h * full
    tiles = gradient * h * profile.scored_tokens + tile(shape, profile, CPU_TILE_WIDTH)
    return norm + picked(shape, profile) + table + tiles


def kept_by_head(shape: Architecture, profile: Profile) -> int:
    """What of it stands until the backward pass: the last norm and the scored hidden states."""
    w, h = profile.width, shape.hidden
    norm = (4 + w + w * (profile.method == "full")) * h * profile.tokens
    return norm + picked(shape, profile)


def scored_without_gradient(shape: Architecture, profile: Profile) -> int:
    """The same in a pass without gradients."""
    h, w = shape.hidden, profile.width
    if profile.spec.head == "scalar":
        return (4 + w) * h * profile.tokens
    tiles = tile(shape, profile, CPU_FORWARD_WIDTH)
    return (4 + w) * h * profile.tokens + w * h * profile.scored_tokens + tiles


def picked(shape: Architecture, profile: Profile) -> int:
    """Hidden states of the scored tokens, which a GPU's kernel gets picked."""
    on_gpu = profile.device == "cuda" and profile.spec.head != "scalar"
    return profile.width * shape.hidden * profile.scored_tokens if on_gpu else 0


def tile(shape: Architecture, profile: Profile, cpu_width: int) -> int:
    """Bytes of a tile of logits; on CPU `cpu_width` for each of them."""
    if profile.device == "cuda":
        return profile.width * min(profile.scored_tokens, TILE_TOKENS) * TILE_COLUMNS
    return cpu_width * tile_elements(shape, profile)


def tile_elements(shape: Architecture, profile: Profile) -> int:
    """Return how many logits of a tile are used."""
    if profile.spec.head == "scalar":
        return 0
    return min(profile.tokens, TILE_TOKENS) * min(shape.vocabulary, TILE_COLUMNS)
