"""The memory of Kimi Delta Attention in bytes per token, as torch computes it without `fla`.

Counted from `chunk_kimi_delta_attention` in
`transformers/models/glm5_next/modeling_glm5_next.py`: in float32, in chunks of 64 tokens. Since
each channel has a decay of its own, products within a chunk have a number for each channel and
pair of tokens.
"""

from planner.models.shapes.blocks import Block
from planner.models.shapes.mixers import KimiDelta
from planner.models.shapes.shape import Architecture
from planner.setup.setup import Profile

CHUNK = 64
"""Tokens of a chunk; rows are padded to complete chunks."""
_ROWS = sum(one * one + one for one in range(1, CHUNK)) // CHUNK
"""Numbers per token and head that the inversion within chunks keeps, row by row."""


def saved(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return what one layer saves, without the inputs of its linear layers."""
    mixer, width, full = _mixer(block), profile.width, profile.method == "full"
    one, copy = _channels(profile, mixer), 2 if profile.autocast else 4
    held = {
        "convolution's input and output": 2 * width * 3 * mixer.inner,
        "decays": (1 + full) * one,
        "queries and keys before their norms": 2 * one,
        "values, queries, keys and weighted keys": 4 * one,
        "decays of queries and keys": 3 * one,
        "decays of pairs, and two products with them": 3 * CHUNK * one,
        "inversion, row by row": 4 * mixer.heads * _ROWS,
        "products' inputs": 6 * copy * mixer.inner + 3 * copy * mixer.heads * CHUNK,
        "states": copy * mixer.inner * mixer.head_dim // CHUNK * 2,
        "gated norm": (12 + width * (1 + full)) * mixer.inner,
    }
    return int(sum(held.values()))


def forward(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return the peak of a forward pass that saves nothing: at the products within chunks."""
    mixer = _mixer(block)
    around = profile.width * (shape.hidden + 3 * mixer.inner)
    return int(around + (9 + 3 * CHUNK) * _channels(profile, mixer))


def backward(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return the peak of a backward pass besides what is saved: the gradient of the decays of
    pairs, and that of one chunk, which is written into zeros of all chunks."""
    return int(2 * CHUNK * _channels(profile, _mixer(block)))


def _mixer(block: Block) -> KimiDelta:
    assert isinstance(block.mixer, KimiDelta)
    return block.mixer


def _channels(profile: Profile, mixer: KimiDelta) -> float:
    """Return the bytes of a number in float32 for each channel, with the padding of rows."""
    chunks = -(-profile.length // CHUNK)
    return 4 * mixer.inner * chunks * CHUNK / profile.length
