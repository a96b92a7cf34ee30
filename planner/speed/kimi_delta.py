"""The work of Kimi Delta Attention, as torch computes it without `fla`.

Counted from `chunk_kimi_delta_attention` in
`transformers/models/glm5_next/modeling_glm5_next.py`: in float32, chunk after chunk, with a number
for each channel and pair of tokens in a chunk.
"""

from collections.abc import Iterator

from planner.memory.kimi_delta import CHUNK
from planner.models.shapes.blocks import Block
from planner.models.shapes.mixers import KimiDelta
from planner.models.shapes.shape import Architecture
from planner.setup.setup import Profile
from planner.speed.parts import Part
from planner.speed.work import Work

FORWARD_LAUNCHES, BACKWARD_LAUNCHES = 16, 48
"""Launches per chunk, in each direction."""
ROWS = 5
"""Launches for each row of the inversion within chunks."""


def parts(shape: Architecture, profile: Profile, block: Block) -> Iterator[Part]:
    """Yield the elementwise operations of one layer."""
    mixer = _mixer(block)
    inner, chunks = mixer.inner, -(-profile.length // CHUNK)
    yield Part(3 * inner, 16, 32, 4, 6)  # convolution and its activation
    yield Part(5 * inner, 60, 120, 60, 110)  # queries, keys, values and decays
    # Decays of pairs: differences, a mask, powers, and four products that are summed.
    yield Part(inner * CHUNK, 44, 88, 12, 24)
    yield Part(inner * CHUNK * chunks, 0, 12, 0, 0)  # gradients of each chunk, in zeros
    rows = CHUNK * ROWS
    yield Part(mixer.heads * CHUNK * CHUNK / 3, 24, 48, rows, 3 * rows)
    yield Part(inner, 0, 0, FORWARD_LAUNCHES * chunks, BACKWARD_LAUNCHES * chunks)
    yield Part(inner, 58, 120, 12, 24)  # gated norm


def products(shape: Architecture, profile: Profile, block: Block) -> Work:
    """Return the products between tokens, in a forward pass."""
    mixer = _mixer(block)
    width = mixer.head_dim
    each = 2 * CHUNK * 3 * width + 6 * width * width
    return Work(matrix_flops=float(mixer.heads * profile.tokens * each))


def _mixer(block: Block) -> KimiDelta:
    assert isinstance(block.mixer, KimiDelta)
    return block.mixer
