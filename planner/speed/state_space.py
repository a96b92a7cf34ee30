"""The work of state-space layers, as torch computes them without `mamba-ssm`.

Counted with torch's dispatcher in `NemotronHBlock` (`transformers/models/nemotron_h`), over eight
choices of heads, states, groups and chunks: these widths explain all bytes within 0.2%.
"""

from collections.abc import Iterator
from dataclasses import replace

from planner.models.shapes.blocks import Block
from planner.models.shapes.mixers import StateSpace
from planner.models.shapes.shape import Architecture
from planner.setup.setup import Profile
from planner.speed.parts import Part
from planner.speed.work import Work

FLOAT32_TIMES = 15
"""Relative cost of products in float32, where autocast does not make them bfloat16."""
STRIDED = 1.35
"""Relative cost of operations that read transposed and expanded tensors, as most of these do."""


def parts(shape: Architecture, profile: Profile, block: Block) -> Iterator[Part]:
    """Yield the elementwise operations of one layer."""
    for part in _parts(_mixer(block)):
        yield replace(part, elements=STRIDED * part.elements)


def _parts(own: StateSpace) -> Iterator[Part]:
    yield Part(own.heads * own.chunk, 44, 80, 24, 32)  # decays within chunks
    yield Part(own.heads * own.state, 73, 89, 20, 26)  # inputs and outputs of states, repeated
    yield Part(own.inner, 163, 279, 28, 38)  # convolution, skip, gate and its norm
    yield Part(own.inner * own.state / own.chunk, 16, 16, 4, 5)  # states between chunks
    yield Part(2 * own.groups * own.state, 13, 25, 2, 2)  # convolution of inputs and outputs


def products(shape: Architecture, profile: Profile, block: Block) -> Work:
    """Return the products between tokens, in a forward pass."""
    own = _mixer(block)
    within = 2 * own.heads * own.chunk * (own.state + own.head_dim)
    between = 4 * own.inner * own.state
    slower = 1 if profile.autocast else FLOAT32_TIMES
    return Work(matrix_flops=slower * profile.tokens * (within + between))


def _mixer(block: Block) -> StateSpace:
    assert isinstance(block.mixer, StateSpace)
    return block.mixer
