"""The linear layers of usual attention and of an MLP."""

from planner.models.shapes.blocks import Block, Linear
from planner.models.shapes.naming import LinearNames
from planner.models.shapes.shape import Architecture


def attention(shape: Architecture, names: LinearNames) -> tuple[Linear, ...]:
    """Return the layers of queries, keys, values and output; equal names mean one fused layer."""
    h, q, kv = shape.hidden, shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    output = Linear(names.output, q, h, "output", shape.o_bias)
    if names.query == names.key:
        return Linear(names.query, h, q + 2 * kv, biased=shape.bias), output
    reading = ((names.query, q), (names.key, kv), (names.value, kv))
    return (*(Linear(name, h, width, biased=shape.bias) for name, width in reading), output)


def mlp(shape: Architecture, names: LinearNames, width: int) -> tuple[Linear, ...]:
    """Return the layers of an MLP of a width; equal names of gate and up mean one fused layer."""
    h, biased = shape.hidden, shape.mlp_bias
    down = Linear(names.down, width, h, "down", biased)
    if not shape.gated_mlp:
        return Linear(names.up, h, width, "mlp", biased), down
    if names.gate == names.up:
        return Linear(names.up, h, 2 * width, "mlp", biased), down
    reading = (names.gate, names.up)
    return (*(Linear(name, h, width, "mlp", biased) for name in reading), down)


def mixture(
    shape: Architecture, names: LinearNames, attends: tuple[Linear, ...], count: int
) -> Block:
    """Return `count` layers with routed experts and, if the model has any, shared ones."""
    shared, width = shape.shared_intermediate, shape.moe_intermediate
    parts = attends + (mlp(shape, names, shared) if shared else ())
    ups = 2 if shape.gated_mlp else 1
    experts = shape.experts * (ups + 1) * shape.hidden * width
    return Block(count, parts, shared, experts, shape.experts_per_token, width)
