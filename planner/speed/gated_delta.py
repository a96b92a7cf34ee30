"""The work of gated delta rules, as torch computes them without `fla`.

Counted from `torch_chunk_gated_delta_rule`, `causal_conv1d_fn` and the gated norm in
`transformers/models/qwen3_5/modeling_qwen3_5.py`. The rule runs in float32, chunk after chunk.
"""

from collections.abc import Iterator

from planner.models.shapes.blocks import Block
from planner.models.shapes.mixers import GatedDelta
from planner.models.shapes.shape import Architecture
from planner.setup.setup import Profile
from planner.speed.parts import Part
from planner.speed.work import Work

CHUNK = 64
"""Tokens of a chunk."""
SLOW = 15
"""Relative cost of solving triangular systems in float32."""
FORWARD_LAUNCHES = 9
"""Launches per chunk: four products, three sums, a product and a copy."""
BACKWARD_LAUNCHES = 36
"""The same backward: eight products, and for each of five slices zeros, a copy and a sum."""
CASTS = 8
"""Launches per chunk for autocast's copies, in each direction."""


def parts(shape: Architecture, profile: Profile, block: Block) -> Iterator[Part]:
    """Yield the elementwise operations of one layer."""
    mixer = _mixer(block)
    keys, values = mixer.value_heads * mixer.key_dim, mixer.values
    pairs, chunks = mixer.value_heads * CHUNK, -(-profile.length // CHUNK)
    states = mixer.value_heads * mixer.key_dim * mixer.value_dim / CHUNK
    casts = CASTS * chunks * profile.autocast
    yield Part(mixer.convolved, 16, 32, 4, 6)  # convolution and its activation
    yield Part(keys, 100, 200, 30, 60)  # queries and keys: repeated, normed, padded, decayed
    yield Part(values, 60, 120, 12, 24)  # values: padded, weighted, solved
    yield Part(pairs, 56, 112, 10, 20)  # decays within chunks
    yield Part(
        states, 24, 60, FORWARD_LAUNCHES * chunks + casts, BACKWARD_LAUNCHES * chunks + casts
    )
    yield Part(values, 58, 120, 12, 24)  # gated norm
    # The gradient of each chunk is written into zeros of the full row, and added to the others.
    yield Part(chunks * (3 * keys + values + pairs), 0, 16, 0, 0)


def products(shape: Architecture, profile: Profile, block: Block) -> Work:
    """Return the products between tokens, in a forward pass."""
    mixer = _mixer(block)
    key, value, each = mixer.key_dim, mixer.value_dim, mixer.value_heads * profile.tokens
    narrow = 2 * CHUNK * (2 * key + value) + 6 * key * value
    solved = SLOW * CHUNK * (key + value)
    slower = 1 if profile.autocast else SLOW
    return Work(matrix_flops=each * (slower * narrow + solved))


def _mixer(block: Block) -> GatedDelta:
    assert isinstance(block.mixer, GatedDelta)
    return block.mixer
