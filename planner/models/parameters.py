"""Computes the number of parameters of a decoder from its shape."""

from functools import lru_cache
from math import prod

from planner.models.families import FAMILIES
from planner.models.shapes.family import Family
from planner.models.shapes.shape import Architecture
from planner.models.tensors import table


@lru_cache(maxsize=4096)
def parameter_count(shape: Architecture) -> int:
    """Return the exact number of parameters of transformers' model class for this shape.

    A head tied to the embedding counts once. Buffers do not count.
    """
    kind = FAMILIES[shape.family]
    if kind.blocks:
        return sum(prod(one.shape) for one in table(shape, {}) if not one.buffer)
    mixtures = shape.layers - shape.dense_layers if shape.experts else 0
    return (
        _ends(shape, kind)
        + shape.layers * (_attention(shape, kind) + shape.norms_per_layer * _norm(shape, kind))
        + shape.layers * kind.activation_parameters
        + (shape.layers - mixtures) * _mlp(shape, shape.intermediate)
        + mixtures * _mixture(shape, kind)
    )


def _norm(shape: Architecture, kind: Family) -> int:
    return kind.norm_vectors * shape.hidden


def _ends(shape: Architecture, kind: Family) -> int:
    """Return the parameters of the embedding, position table, final norm and head."""
    table = shape.vocabulary * shape.hidden
    head = (0 if shape.tied else table) + (shape.vocabulary if shape.head_bias else 0)
    rows = 0 if kind.positions is None else shape.context + kind.positions
    norms = (2 if kind.embedding_norm else 1) * _norm(shape, kind)
    return table + head + rows * shape.hidden + norms


def _attention(shape: Architecture, kind: Family) -> int:
    q, kv = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    weights = shape.hidden * (q + 2 * kv) + q * shape.hidden
    biases = (q + 2 * kv if shape.bias else 0) + (shape.hidden if shape.o_bias else 0)
    width = q + kv if kind.qk_width == "all" else 2 * shape.head_dim
    norms = kind.qk_vectors * width if shape.qk_norm else 0
    return weights + biases + norms + (shape.heads if kind.sinks else 0)


def _mlp(shape: Architecture, width: int) -> int:
    ups = 2 if shape.gated_mlp else 1
    biases = ups * width + shape.hidden if shape.mlp_bias else 0
    return (ups + 1) * shape.hidden * width + biases


def _mixture(shape: Architecture, kind: Family) -> int:
    """Return the parameters of the router, routed experts, and shared expert with its gate."""
    router = shape.experts * (shape.hidden + (1 if kind.expert_bias else 0))
    shared = _mlp(shape, shape.shared_intermediate) if shape.shared_intermediate else 0
    gate = shape.hidden if kind.shared_gate else 0
    return router + shape.experts * _mlp(shape, shape.moe_intermediate) + shared + gate
