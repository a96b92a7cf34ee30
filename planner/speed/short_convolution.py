"""The work of gated convolutions over few tokens, as torch computes them.

Counted with torch's dispatcher in `Lfm2DecoderLayer` (`transformers/models/lfm2`).
"""

from collections.abc import Iterator

from planner.models.shapes.blocks import Block
from planner.models.shapes.mixers import ShortConvolution
from planner.models.shapes.shape import Architecture
from planner.setup.setup import Profile
from planner.speed.parts import Part
from planner.speed.work import Work


def parts(shape: Architecture, profile: Profile, block: Block) -> Iterator[Part]:
    """Yield the elementwise operations of one layer: two gates and the convolution."""
    assert isinstance(block.mixer, ShortConvolution)
    yield Part(block.mixer.width, 16, 44, 3, 9)


def products(shape: Architecture, profile: Profile, block: Block) -> Work:
    """Return the products between tokens: none, since the convolution reads and writes memory."""
    return Work()
