"""The linear layers and experts of a decoder's blocks, by their module names in transformers.

The experts of a mixture are two fused three-dimensional parameters (transformers 5), which neither
bitsandbytes nor PEFT's default targets handle. The names are those of
`transformers/models/<family>/modeling_<family>.py`.
"""

from functools import cache

from planner.models.families import FAMILIES
from planner.models.shapes.blocks import Block, Linear, Place
from planner.models.shapes.shape import Architecture

__all__ = ["TILE_COLUMNS", "TILE_TOKENS", "Block", "Linear", "Place", "blocks", "linears"]

TILE_TOKENS = 4096
"""Tokens that TRL's loss head projects at once (`trl/kernels/chunked_logprob.py`)."""
TILE_COLUMNS = 32768
"""Vocabulary entries per projection."""


@cache
def blocks(shape: Architecture) -> tuple[Block, ...]:
    """Return the blocks of a model: those of its family, or dense ones, then mixtures."""
    if own := FAMILIES[shape.family].blocks:
        return own(shape)
    attention = _attention(shape)
    mixtures = shape.layers - shape.dense_layers if shape.experts else 0
    dense, found = shape.layers - mixtures, []
    if dense:
        parts = attention + _mlp(shape, shape.intermediate)
        found.append(Block(dense, parts, shape.intermediate))
    if mixtures:
        shared, f = shape.shared_intermediate, shape.moe_intermediate
        parts = attention + (_mlp(shape, shared) if shared else ())
        ups = 2 if shape.gated_mlp else 1
        experts = shape.experts * (ups + 1) * shape.hidden * f
        found.append(Block(mixtures, parts, shared, experts, shape.experts_per_token, f))
    return tuple(found)


@cache
def linears(shape: Architecture) -> tuple[Linear, ...]:
    """Return the linear layers of a model's blocks, without duplicate names, in forward order."""
    named = {part.name: part for block in reversed(blocks(shape)) for part in block.linears}
    order = dict.fromkeys(part.name for block in blocks(shape) for part in block.linears)
    return tuple(named[name] for name in order)


def _attention(shape: Architecture) -> tuple[Linear, ...]:
    names, h = FAMILIES[shape.family].linears, shape.hidden
    q, kv = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    output = Linear(names.output, q, h, "output", shape.o_bias)
    if names.query == names.key:
        return Linear(names.query, h, q + 2 * kv, biased=shape.bias), output
    reading = ((names.query, q), (names.key, kv), (names.value, kv))
    return (*(Linear(name, h, width, biased=shape.bias) for name, width in reading), output)


def _mlp(shape: Architecture, width: int) -> tuple[Linear, ...]:
    names, h, biased = FAMILIES[shape.family].linears, shape.hidden, shape.mlp_bias
    down = Linear(names.down, width, h, "down", biased)
    if not shape.gated_mlp:
        return Linear(names.up, h, width, "mlp", biased), down
    if names.gate == names.up:
        return Linear(names.up, h, 2 * width, "mlp", biased), down
    reading = (names.gate, names.up)
    return (*(Linear(name, h, width, "mlp", biased) for name in reading), down)
