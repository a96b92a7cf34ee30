"""What exists when a pass is in the first or the last layer of each kind, where layers differ.

A forward pass has saved the activations of the layers before, and a backward pass has freed those
of the layers behind.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from planner.memory import saved_activations
from planner.memory.mixers import costs
from planner.models import layers
from planner.models.facts import Architecture
from planner.models.layers import Block
from planner.setup.setup import Profile


@dataclass(frozen=True)
class Place:
    """The first or the last layer of a block."""

    block: Block
    number: int
    """Of the layer."""
    last: bool
    """Whether it is the last one of its block."""
    passed: tuple[int, ...]
    """How many layers of each block come up to it, itself among them."""
    behind: float
    """The share of all layers' weights in it and the layers behind it."""


@cache
def places(shape: Architecture) -> tuple[Place, ...]:
    """Return the first and the last layer of each block of a model."""
    blocks, numbers = layers.blocks(shape), layers.numbers(shape)
    sizes = [block.linear_elements + block.experts for block in blocks]
    every = max(1, sum(size * block.count for size, block in zip(sizes, blocks, strict=True)))

    def place(block: Block, at: tuple[int, ...], number: int) -> Place:
        passed = tuple(sum(one <= number for one in each) for each in numbers)
        before = sum(size * count for size, count in zip(sizes, passed, strict=True))
        own = block.linear_elements + block.experts
        return Place(block, number, number == at[-1], passed, (every - before + own) / every)

    return tuple(
        place(block, at, number)
        for block, at in zip(blocks, numbers, strict=True)
        for number in sorted({at[0], at[-1]})
    )


def left_at(
    shape: Architecture, profile: Profile, place: Place, left: Mapping[str, int]
) -> dict[str, int]:
    """Return the part of `left`, which all layers leave, that exists at a place."""
    found = {what: size * (place.number + 1) // shape.layers for what, size in left.items()}
    found["attention mask"] = left["attention mask"]
    if profile.checkpointing:
        return found
    each = [of_layer(shape, profile, block) for block in layers.blocks(shape)]
    for what in each[0]:
        parts = (one[what] * count for one, count in zip(each, place.passed, strict=True))
        found[what] = sum(parts)
    return found


def of_layer(shape: Architecture, profile: Profile, block: Block) -> dict[str, int]:
    """Return the bytes that one layer of a block saves."""
    found = saved_activations.activations(shape, profile, block)
    if saved_activations.is_masked(shape, profile, block):
        found["activations"] += saved_activations.mask_extra(
            block.attention or shape, profile, block
        )
    return {what: size * profile.tokens for what, size in found.items()}


def in_mixers(
    shape: Architecture, profile: Profile, left: Mapping[str, int]
) -> Iterator[dict[str, int]]:
    """Yield what exists where a forward pass that saves is in the last layer of each mixer."""
    for place in places(shape):
        block = place.block
        if block.mixer and place.last:
            later = saved_activations.behind_mixer(shape, profile, block)
            within = costs(block.mixer).within(shape, profile, block) - later
            kept = left_at(shape, profile, place, left)
            yield {**kept, "scratch": max(0, within) * profile.tokens}
