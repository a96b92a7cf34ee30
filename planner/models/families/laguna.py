"""The families `laguna`."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from planner.models.shapes.blocks import Block, Extra, Linear
from planner.models.shapes.config_json import ConfigJson
from planner.models.shapes.family import Family
from planner.models.shapes.linears import attention, mixture, mlp
from planner.models.shapes.naming import LinearNames, Naming
from planner.models.shapes.shape import Architecture

_WINDOWS = {"full_attention": "f", "sliding_attention": "s"}
_LETTERS = "FfSs"
"""Full attention or a window; a capital letter is a layer with a dense MLP."""


def _read(found: ConfigJson) -> dict[str, Any]:
    """Return the kinds of the layers, and the heads of those with full attention and a window."""
    if found.flag("moe_apply_router_weight_on_input"):
        raise found.refusal("weighs the inputs of its experts, which transformers does not support")
    count = found.integer("num_hidden_layers")
    heads, kinds = found.integer("num_attention_heads"), _kinds(found, count)
    each = (heads,) * count
    if found.values.get("num_attention_heads_per_layer") is not None:
        each = found.integers("num_attention_heads_per_layer", count)
    keys = found.integer("num_key_value_heads", heads)
    both = {}
    for letter in "fs":
        there = {n for n, kind in zip(each, kinds, strict=True) if kind.lower() == letter}
        if len(there) > 1:
            raise found.unsupported(
                "has layers of one type with different numbers of attention heads"
            )
        both[letter] = there.pop() if there else heads
        if both[letter] % keys:
            raise found.contradiction(
                f"has {both[letter]} attention heads for {keys} key and value heads"
            )
    gates = 1 if found.values.get("gating", True) in (True, "per-head") else 0
    own = {"heads_full": both["f"], "heads_sliding": both["s"], "gates": gates, "layers": kinds}
    window = found.integer("sliding_window") if "s" in kinds.lower() else 0
    return {
        "sliding_window": window,
        "dense_layers": sum(kind.isupper() for kind in kinds),
        "own": tuple(sorted(own.items())),
    }


def _kinds(found: ConfigJson, count: int) -> str:
    windows, mixtures = ("full_attention",) * count, ("dense",) + ("sparse",) * (count - 1)
    if found.values.get("layer_types") is not None:
        windows = found.texts("layer_types", tuple(_WINDOWS), count)
    if found.values.get("mlp_layer_types") is not None:
        mixtures = found.texts("mlp_layer_types", ("dense", "sparse"), count)
    letters = (
        _WINDOWS[window].upper() if mlp == "dense" else _WINDOWS[window]
        for window, mlp in zip(windows, mixtures, strict=True)
    )
    return "".join(letters)


def _blocks(shape: Architecture) -> tuple[Block, ...]:
    """Return the layers of each kind."""
    kinds = shape.text("layers")
    return tuple(_block(shape, letter) for letter in _LETTERS if letter in kinds)


def _block(shape: Architecture, letter: str) -> Block:
    at = tuple(n for n, kind in enumerate(shape.text("layers")) if kind == letter)
    full, names = letter in "Ff", LinearNames()
    heads = shape.integer("heads_full" if full else "heads_sliding")
    one = replace(shape, heads=heads, sliding_window=0 if full else shape.sliding_window)
    gates = heads * (1 if shape.integer("gates") else shape.head_dim)
    *reading, output = attention(one, names)
    attends = (*reading, Linear("g_proj", shape.hidden, gates), output)
    if letter.isupper():
        parts = attends + mlp(shape, names, shape.intermediate)
        return Block(len(at), parts, shape.intermediate, at=at, attention=one, gate=gates)
    correction = Extra("mlp.gate.e_score_correction_bias", (shape.experts,), untrained=True)
    made = mixture(shape, names, attends, len(at))
    return replace(made, at=at, attention=one, gate=gates, extras=(correction,))


FAMILIES: Mapping[str, Family] = {
    "laguna": Family(
        classifier=False,
        qk_norm=True,
        experts="num_experts",
        shared="shared_expert_intermediate_size",
        defaults={
            "head_dim": 128,
            "moe_intermediate_size": 512,
            "num_experts": 256,
            "num_experts_per_tok": 8,
            "shared_expert_intermediate_size": 512,
            "sliding_window": 512,
        },
        # transformers reads `shared_expert.` in an adapter's `shared_experts` as an older name, and
        # PEFT loses the tensors that it renames (`conversion_mapping.py`).
        lost_on_loading=("gate_proj", "up_proj", "down_proj"),
        naming=Naming(
            shared="shared_experts",
            parts=("gate_proj.weight", "up_proj.weight", "down_proj.weight"),
            renamed=(
                (".mlp.experts.e_score_correction_bias", ".mlp.gate.e_score_correction_bias"),
                (".mlp.shared_expert.", ".mlp.shared_experts."),
            ),
        ),
        fields=(
            "layer_types moe_intermediate_size num_experts num_experts_per_tok "
            "output_router_logits router_aux_loss_coef shared_expert_intermediate_size"
        ),
        field_types={
            "gating": "bs",
            "head_dim": "i",
            "mlp_layer_types": "nl",
            "moe_apply_router_weight_on_input": "b",
            "moe_routed_scaling_factor": "f",
            "moe_router_logit_softcapping": "f",
            "num_attention_heads_per_layer": "nl",
            "num_key_value_heads": "i",
            "sliding_window": "i",
        },
        read=_read,
        own={"gates": "any", "heads_full": "some", "heads_sliding": "some", "layers": _LETTERS},
        blocks=_blocks,
    ),
}
