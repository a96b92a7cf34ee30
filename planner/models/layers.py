"""The linear layers and experts of a decoder's blocks, by their module names in transformers.

The experts of a mixture are two fused three-dimensional parameters (transformers 5), which neither
bitsandbytes nor PEFT's default targets handle. The names are those of
`transformers/models/<family>/modeling_<family>.py`.
"""

from collections.abc import Mapping
from functools import cache
from math import prod

from planner.models.families import FAMILIES
from planner.models.shapes.blocks import Block, Linear, Place
from planner.models.shapes.linears import attention, mixture, mlp
from planner.models.shapes.shape import Architecture

__all__ = ["TILE_COLUMNS", "TILE_TOKENS", "Block", "Linear", "Place", "blocks", "linears"]

TILE_TOKENS = 4096
"""Tokens that TRL's loss head projects at once (`trl/kernels/chunked_logprob.py`)."""
TILE_COLUMNS = 32768
"""Vocabulary entries per projection."""


@cache
def blocks(shape: Architecture) -> tuple[Block, ...]:
    """Return the blocks of a model: those of its family, or dense ones, then mixtures."""
    kind = FAMILIES[shape.family]
    if kind.blocks:
        return kind.blocks(shape)
    attends, names = attention(shape, kind.linears), kind.linears
    mixtures = shape.layers - shape.dense_layers if shape.experts else 0
    dense, found = shape.layers - mixtures, []
    if dense:
        parts = attends + mlp(shape, names, shape.intermediate)
        found.append(Block(dense, parts, shape.intermediate))
    if mixtures:
        found.append(mixture(shape, names, attends, mixtures))
    return tuple(found)


@cache
def numbers(shape: Architecture) -> tuple[tuple[int, ...], ...]:
    """Return the numbers of the layers of each block, in order."""
    found, layer = [], 0
    for block in blocks(shape):
        found.append(block.at or tuple(range(layer, layer + block.count)))
        layer += block.count
    return tuple(found)


@cache
def linears(shape: Architecture) -> tuple[Linear, ...]:
    """Return the linear layers of a model's blocks, without duplicate names, in forward order."""
    named = {part.name: part for block in reversed(blocks(shape)) for part in block.linears}
    order = dict.fromkeys(part.name for block in blocks(shape) for part in block.linears)
    return tuple(named[name] for name in order)


@cache
def untrained(shape: Architecture) -> Mapping[str, int]:
    """Return the parameters of layers that no gradient reaches, by name within the layer: their
    elements in all layers."""
    found: dict[str, int] = {}
    for block in blocks(shape):
        for one in block.extras:
            if one.untrained:
                found[one.name] = found.get(one.name, 0) + block.count * prod(one.shape)
    return found
