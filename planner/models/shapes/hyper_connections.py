"""Manifold-constrained hyper-connections: several residual streams with learned weights.

Read from `DeepseekV4HyperConnection` in `transformers/models/deepseek_v4/modeling_deepseek_v4.py`.
"""

from collections.abc import Iterator, Mapping

from planner.models.shapes.blocks import Extra
from planner.models.shapes.config_json import ConfigJson
from planner.models.shapes.mixers import HyperConnections
from planner.models.shapes.shape import Architecture

OWN: Mapping[str, str] = {"hc_mult": "some", "hc_sinkhorn_iters": "some"}
"""The facts of such a family (`Family.own`)."""


def read(found: ConfigJson) -> dict[str, int | str]:
    """Return these facts. Raises UsageProblem."""
    return {name: found.integer(name) for name in OWN}


def connections(shape: Architecture) -> HyperConnections:
    """Return the number of streams, and of rounds that normalize their weights."""
    return HyperConnections(shape.integer("hc_mult"), shape.integer("hc_sinkhorn_iters"))


def extras(shape: Architecture) -> Iterator[Extra]:
    """Yield the tensors of a layer: those before attention, then those before the MLP."""
    streams = shape.integer("hc_mult")
    weights = (2 + streams) * streams
    for name in ("attn_hc", "ffn_hc"):
        yield Extra(f"{name}.fn", (weights, streams * shape.hidden))
        yield Extra(f"{name}.base", (weights,))
        yield Extra(f"{name}.scale", (3,))
