"""Multi-head latent attention: keys and values, and often queries, come from narrow latents.

Read from `transformers/models/deepseek_v3/modeling_deepseek_v3.py`. `deepseek_v2` differs in its
rotary embedding only.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from planner.models.shapes.blocks import Block, Extra, Linear
from planner.models.shapes.config_json import ConfigJson
from planner.models.shapes.linears import mixture, mlp
from planner.models.shapes.mixers import Latent
from planner.models.shapes.naming import LinearNames
from planner.models.shapes.shape import Architecture

OWN: Mapping[str, str] = {
    "kv_lora_rank": "some",
    "q_lora_rank": "any",
    "qk_nope_head_dim": "some",
    "qk_rope_head_dim": "some",
    "v_head_dim": "some",
}
"""The facts of such a family (`Family.own`); the query rank is 0 where queries have no latent."""

FIELD_TYPES: dict[str, str] = {
    "kv_lora_rank": "i",
    "q_lora_rank": "ni",
    "qk_nope_head_dim": "i",
    "qk_rope_head_dim": "i",
    "v_head_dim": "i",
}
"""The types of those fields (`Family.field_types`)."""


def read(found: ConfigJson, *, rotates: bool = True) -> dict[str, Any]:
    """Return the fields of `Architecture` of latent attention. Raises UsageProblem.

    Without `rotates`, no part of a query or key has positions.
    """
    absent = ("q_lora_rank",) if rotates else ("q_lora_rank", "qk_rope_head_dim")
    widths = {"qk_rope_head_dim": 0} | {n: found.integer(n) for n in OWN if n not in absent}
    ranked = found.values.get("q_lora_rank") is not None
    widths["q_lora_rank"] = found.integer("q_lora_rank") if ranked else 0
    heads = found.integer("num_attention_heads")
    keys = found.integer("num_key_value_heads", heads)
    if keys < heads:
        raise found.contradiction(
            f"has {keys} key and value heads for {heads} attention heads, but latent attention "
            "makes keys and values for each"
        )
    if widths["qk_rope_head_dim"] % 2:
        raise found.contradiction("rotates an odd number of values in each head")
    return {
        "kv_heads": heads,
        "head_dim": widths["qk_nope_head_dim"] + widths["qk_rope_head_dim"],
        "own": tuple(sorted(widths.items())),
    }


def mixer(shape: Architecture, *, complex_rotary: bool = False) -> Latent:
    """Return the widths of the attention of a model."""
    return Latent(
        heads=shape.heads,
        unrotated=shape.integer("qk_nope_head_dim"),
        rotated=shape.integer("qk_rope_head_dim"),
        value=shape.integer("v_head_dim"),
        query_rank=shape.integer("q_lora_rank"),
        key_rank=shape.integer("kv_lora_rank"),
        complex_rotary=complex_rotary,
    )


def linears(shape: Architecture) -> tuple[Linear, ...]:
    """Return the linear layers of the attention of a model, in forward order."""
    own, h = mixer(shape), shape.hidden
    queries, rank = own.heads * own.query, own.query_rank
    reading: tuple[Linear, ...] = (Linear("q_proj", h, queries),)
    if rank:
        reading = (
            Linear("q_a_proj", h, rank, biased=shape.bias),
            Linear("q_b_proj", rank, queries, source="query latent"),
        )
    both = own.heads * (own.unrotated + own.value)
    return (
        *reading,
        Linear("kv_a_proj_with_mqa", h, own.key_rank + own.rotated, biased=shape.bias),
        Linear("kv_b_proj", own.key_rank, both, source="key latent"),
        Linear("o_proj", own.heads * own.value, h, "output", shape.o_bias),
    )


def norms(shape: Architecture) -> tuple[Extra, ...]:
    """Return the norms of the latents."""
    own = mixer(shape)
    found = (("q_a_layernorm", own.query_rank), ("kv_a_layernorm", own.key_rank))
    return tuple(Extra(f"self_attn.{name}.weight", (rank,)) for name, rank in found if rank)


def blocks(
    shape: Architecture, *, corrected: bool = True, complex_rotary: bool = False
) -> tuple[Block, ...]:
    """Return the layers of a model: dense ones, then mixtures.

    `corrected` is whether the router's scores have a correction. `complex_rotary` is whether the
    rotary embedding multiplies complex numbers.
    """
    own, attends, names = mixer(shape, complex_rotary=complex_rotary), linears(shape), LinearNames()
    dense, found = shape.dense_layers, []
    if dense:
        parts = attends + mlp(shape, names, shape.intermediate)
        found.append(Block(dense, parts, shape.intermediate, mixer=own, extras=norms(shape)))
    if shape.layers > dense:
        made = mixture(shape, names, attends, shape.layers - dense)
        correction = (Extra("mlp.gate.e_score_correction_bias", (shape.experts,), buffer=True),)
        extras = norms(shape) + (correction if corrected else ())
        found.append(replace(made, mixer=own, extras=extras))
    return tuple(found)
