"""What one of several cards holds, and the sizes that this depends on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from math import prod
from typing import Literal

from planner.memory.facts import Sized
from planner.models import layers
from planner.models.facts import Architecture
from planner.setup.setup import Profile

Held = dict[str, int]
"""Bytes by component."""
Moment = Literal["start", "layer", "head", "last", "first", "end", "step", "evaluation"]
"""A point of a step: the first layer's input, a forward pass in a layer, the loss head, a backward
pass in the last layer, in the first one and behind it, the optimizer's step; and an evaluation."""


@dataclass(frozen=True)
class Shares:
    """The memory of one card."""

    resident: Held
    """What it holds between steps."""
    moments: Mapping[Moment, Held] = field(default_factory=dict)
    """What it holds besides at each point, and not on a card that shares nothing."""
    host: int = 0
    """Bytes of main memory that its process offloads to."""
    stored: int = 0
    """Bytes of an SSD that its process offloads to."""
    loading: int = 0
    """Bytes of main memory that its process needs to load the model."""

    def at(self, moment: Moment) -> Held:
        """Return what it holds besides at a point."""
        return self.moments.get(moment, {})


@dataclass(frozen=True)
class Sizes:
    """Elements of a model's tensors."""

    parameters: int
    """Of all loaded weights."""
    trained: int
    """Of all trained ones."""
    table: int
    """Of the embedding, and of the head if it is not tied."""
    tied: bool
    """Whether both are one tensor."""
    scored: bool
    """Whether there is a head at all, which a reward model has not."""
    layer: int
    """Of the largest layer."""
    inner: int
    """Of the largest tensor in a layer."""
    experts: int
    """Of the experts of a layer, which are computed as one module; 0 without them."""
    longest: int
    """Of the largest trained tensor."""
    small: int
    """Of all trained tensors up to `SMALL`."""
    pinned_gradients: int
    """Bytes of one pinned buffer for each trained tensor's gradient."""
    width: float
    """Bytes of a loaded weight, on average."""


SMALL = 100_000
"""Elements up to which ZeRO-3 keeps a parameter on every card
(`stage3_param_persistence_threshold`)."""


def merged(held: Held, other: Held) -> Held:
    """Return both, added up."""
    if not other:
        return held
    return held | {what: held.get(what, 0) + size for what, size in other.items()}


def pinned(size: int) -> int:
    """Return the bytes that a pinned buffer takes: torch rounds them up to a power of two
    (`CachingHostAllocatorImpl`)."""
    return 1 << (size - 1).bit_length() if size > 0 else 0


def largest_tensor(shape: Architecture, profile: Profile) -> int:
    """Return the elements of the largest trained tensor in a layer."""
    return max(size for size, _ in _tensors(shape, profile)[profile.method == "full" :])


def _tensors(shape: Architecture, profile: Profile) -> tuple[tuple[int, int], ...]:
    """Return the elements of each kind of trained tensor, and how many there are, without norms;
    for full weights, the embedding is the first."""
    if profile.method == "full":
        return _all_trained(shape)
    return _adapters(shape, profile.targets, profile.rank)


def small_elements(shape: Architecture, profile: Profile, most: int) -> int:
    """Return the elements of the trained tensors that have at most so many each."""
    return sum(size * count for size, count in _tensors(shape, profile) if size <= most)


def large_tensors(shape: Architecture, profile: Profile, least: int) -> int:
    """Return how many trained tensors have at least so many elements."""
    return sum(count for size, count in _tensors(shape, profile) if size >= least)


def sizes(model: Sized, profile: Profile, held: Held, trained: int) -> Sizes:
    """Return the sizes of a model's tensors; `held` are its weights and those of its adapter."""
    shape = model.architecture
    tensors = _tensors(shape, profile)
    scored = profile.spec.head != "scalar"
    return Sizes(
        parameters=model.parameters,
        trained=trained,
        table=shape.vocabulary * shape.hidden,
        tied=shape.tied,
        scored=scored,
        layer=largest_layer(shape),
        inner=max(size for size, _ in _all_trained(shape)[1:]),
        experts=max(block.experts for block in layers.blocks(shape)),
        longest=max(size for size, _ in tensors),
        small=small_elements(shape, profile, SMALL),
        pinned_gradients=sum(pinned(profile.width * size) * count for size, count in tensors),
        width=held["weights"] / max(1, model.parameters),
    )


def at_once(layer: int, profile: Profile) -> bool:
    """Return whether ZeRO's stage 3 gathers layers at once, of which the largest has so many
    elements.

    Module by module takes less memory, and weights in main memory take longer to the card than the
    hooks take.
    """
    return layer <= profile.engine.whole and profile.offload in ("none", "optimizer")


@cache
def largest_layer(shape: Architecture) -> int:
    """Return the elements of the largest layer."""
    return max(block.linear_elements + block.experts for block in layers.blocks(shape))


@cache
def _all_trained(shape: Architecture) -> tuple[tuple[int, int], ...]:
    """Return the elements of each kind of tensor, and how many there are, without norms."""
    found = [(shape.vocabulary * shape.hidden, 1 if shape.tied else 2)]
    for block in layers.blocks(shape):
        found += [(part.size, block.count) for part in block.linears]
        found += [(prod(one.shape), block.count) for one in block.extras if not one.buffer]
        if block.experts:  # gate and up in one tensor, and down
            first = block.experts * 2 // 3 if shape.gated_mlp else block.experts // 2
            found += [(first, block.count), (block.experts - first, block.count)]
    return tuple(found)


@cache
def _adapters(
    shape: Architecture, names: tuple[str, ...], rank: int
) -> tuple[tuple[int, int], ...]:
    return tuple(
        (rank * width, block.count)
        for block in layers.blocks(shape)
        for part in block.linears
        if part.name in names
        for width in (part.inputs, part.outputs)
    )
