"""The work of Mamba-2 layers and short convolutions, as torch computes them.

Counted from `mamba2_chunk_scan`, `causal_conv1d_fn` and the gated norm in
`transformers/models/nemotron_h/modeling_nemotron_h.py`, and from `Lfm2ShortConv`. The scan runs in
float32 over all chunks at once.
"""

from collections.abc import Iterator

from planner.models.shapes.blocks import Block
from planner.models.shapes.mixers import ShortConvolution, StateSpace
from planner.models.shapes.shape import Architecture
from planner.setup.setup import Profile
from planner.speed.parts import Part
from planner.speed.work import Work

SLOW = 15
"""Relative cost of products in float32."""


def parts(shape: Architecture, profile: Profile, block: Block) -> Iterator[Part]:
    """Yield the elementwise operations of one Mamba-2 layer."""
    mixer = _mixer(block)
    chunks = -(-profile.length // mixer.chunk)
    stretched = chunks * mixer.chunk / profile.length
    yield Part(mixer.convolved, 16, 32, 4, 6)  # convolution and its activation
    yield Part(stretched * mixer.heads * mixer.chunk, 48, 96, 12, 24)  # decays and scores
    yield Part(stretched * mixer.heads * mixer.state, 88, 160, 20, 40)  # projections of the state
    yield Part(stretched * mixer.inner, 100, 200, 20, 40)  # values and outputs
    yield Part(stretched * mixer.inner * mixer.state / mixer.chunk, 24, 48, 10, 20)  # states
    yield Part(mixer.inner, 58, 120, 12, 24)  # gated norm


def products(shape: Architecture, profile: Profile, block: Block) -> Work:
    """Return the products between tokens of a Mamba-2 layer, in a forward pass."""
    mixer = _mixer(block)
    chunks = -(-profile.length // mixer.chunk)
    tokens = profile.rows * chunks * mixer.chunk
    within = 2 * mixer.chunk * (mixer.state + mixer.head_dim)
    between = 4 * mixer.head_dim * mixer.state
    slower = 1 if profile.autocast else SLOW
    return Work(matrix_flops=slower * tokens * mixer.heads * (within + between))


def convolution_parts(shape: Architecture, profile: Profile, block: Block) -> Iterator[Part]:
    """Yield the elementwise operations of one gated short convolution."""
    assert isinstance(block.mixer, ShortConvolution)
    yield Part(block.mixer.width, 20, 44, 6, 14)


def no_parts(shape: Architecture, profile: Profile, block: Block) -> Iterator[Part]:
    """Yield nothing, for layers that do not mix tokens."""
    yield from ()


def no_products(shape: Architecture, profile: Profile, block: Block) -> Work:
    """Return no work, for layers without products between tokens."""
    return Work()


def _mixer(block: Block) -> StateSpace:
    assert isinstance(block.mixer, StateSpace)
    return block.mixer
