"""The work of layers that mix tokens otherwise than by attention."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from planner.models import layers
from planner.models.shapes.blocks import Block
from planner.models.shapes.mixers import (
    Absent,
    CompressedKeys,
    GatedDelta,
    KimiDelta,
    Latent,
    Mixer,
    ShortConvolution,
    SparseLatent,
    StateSpace,
)
from planner.models.shapes.shape import Architecture
from planner.setup.setup import Profile
from planner.speed import (
    compressed_keys,
    gated_delta,
    kimi_delta,
    latent,
    short_convolution,
    sparse_latent,
    state_space,
)
from planner.speed.parts import Part
from planner.speed.work import Work


@dataclass(frozen=True)
class Effort:
    """What one kind of mixer takes, without its linear layers, which are counted as all others."""

    parts: Callable[[Architecture, Profile, Block], Iterable[Part]]
    """Its elementwise operations."""
    products: Callable[[Architecture, Profile, Block], Work]
    """Its products between tokens, in a forward pass."""


_EFFORTS: Mapping[type[Mixer], Effort] = {
    Absent: Effort(lambda *_: (), lambda *_: Work()),
    CompressedKeys: Effort(compressed_keys.parts, compressed_keys.products),
    GatedDelta: Effort(gated_delta.parts, gated_delta.products),
    KimiDelta: Effort(kimi_delta.parts, kimi_delta.products),
    SparseLatent: Effort(sparse_latent.parts, sparse_latent.products),
    Latent: Effort(latent.parts, latent.products),
    ShortConvolution: Effort(short_convolution.parts, short_convolution.products),
    StateSpace: Effort(state_space.parts, state_space.products),
}


def work_known(shape: Architecture) -> bool:
    """Return whether the work of every kind of layer is known."""
    mixers = (block.mixer for block in layers.blocks(shape))
    return all(mixer is None or type(mixer) in _EFFORTS for mixer in mixers)


def effort(mixer: Mixer) -> Effort:
    """Return what a mixer takes."""
    return _EFFORTS[type(mixer)]
