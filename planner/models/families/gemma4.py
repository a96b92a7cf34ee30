"""The families `gemma4_text`, `gemma4_unified_text`: Gemma 4.

Layers with a window and layers of full attention differ in the width of a head. The last layers may
read the keys and values of an earlier one, a layer may have experts besides its MLP, and each may
have an embedding of its own for every token.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from planner.models.shapes.blocks import Block, Extra, Linear
from planner.models.shapes.config_json import ConfigJson
from planner.models.shapes.family import Family
from planner.models.shapes.habits import Habits
from planner.models.shapes.letters import letters
from planner.models.shapes.mixers import NormedRouter, PerLayerInput
from planner.models.shapes.naming import Naming
from planner.models.shapes.shape import Architecture
from planner.models.shapes.shared_keys import alike, shared_layers

_LETTERS = {"sliding_attention": "s", "full_attention": "f"}
_EVERY = 6
"""Without `layer_types`, one layer in this many has full attention."""
_WIDE = {"head_dim": "global_head_dim", "num_key_value_heads": "num_global_key_value_heads"}
"""What layers of full attention may have of their own, as `per_layer_config` and published files
name it."""
NORMS = (
    "input_layernorm",
    "post_attention_layernorm",
    "pre_feedforward_layernorm",
    "post_feedforward_layernorm",
)
"""The norms that every layer has."""
_ROUTED_NORMS = (
    "post_feedforward_layernorm_1",
    "post_feedforward_layernorm_2",
    "pre_feedforward_layernorm_2",
)
_OWN = {
    "attention_k_eq_v": "any",
    "global_head_dim": "some",
    "hidden_size_per_layer_input": "any",
    "layers": "sf",
    "num_global_key_value_heads": "some",
    "num_kv_shared_layers": "any",
    "use_double_wide_mlp": "any",
    "vocab_size_per_layer_input": "any",
}
_DEFAULTS = {
    "vocab_size": 262_144,
    "hidden_size": 2304,
    "intermediate_size": 9216,
    "num_hidden_layers": 30,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "head_dim": 256,
    "max_position_embeddings": 131_072,
    "sliding_window": 512,
    "tie_word_embeddings": True,
}


def _read(found: ConfigJson) -> Mapping[str, Any]:
    inputs = found.count("hidden_size_per_layer_input", 256)
    rows = found.integer("vocab_size_per_layer_input", 262_144) if inputs else 0
    experts = found.flag("enable_moe_block")
    return {**_read_layers(found, inputs, rows), **(_experts(found) if experts else {})}


def _read_unified(found: ConfigJson) -> Mapping[str, Any]:
    return _read_layers(found, 0, 0)


def _read_layers(found: ConfigJson, inputs: int, rows: int) -> Mapping[str, Any]:
    """Return the facts of both families; `inputs` and `rows` are those of the layers' embedding."""
    seeing = found.values.get("use_bidirectional_attention")
    if seeing not in (None, "vision"):
        raise found.refusal("attends in both directions (`use_bidirectional_attention`)")
    every = tuple(
        "sf"[(one + 1) % _EVERY == 0] for one in range(found.integer("num_hidden_layers"))
    )
    layers = letters(found, "layer_types", _LETTERS) or "".join(every)
    layers = f"{layers[:-1]}f"  # the class forces the last one
    width, keys = _full_attention(found, layers)
    own = {
        "attention_k_eq_v": int(found.flag("attention_k_eq_v")),
        "global_head_dim": width,
        "hidden_size_per_layer_input": inputs,
        "layers": layers,
        "num_global_key_value_heads": keys,
        "num_kv_shared_layers": shared_layers(found, layers, 0),
        "use_double_wide_mlp": int(found.flag("use_double_wide_mlp")),
        "vocab_size_per_layer_input": rows,
    }
    return {
        "own": tuple(sorted(own.items())),
        "sliding_window": found.integer("sliding_window"),
        "bias": found.flag("attention_bias"),
        "o_bias": found.flag("attention_bias"),
    }


def _full_attention(found: ConfigJson, layers: str) -> tuple[int, int]:
    """Return the width of a head and the key and value heads in layers of full attention.

    transformers writes them as `per_layer_config`, published files have fields for them.
    """
    own = _overrides(found, layers)
    usual = found.integer("num_key_value_heads")
    if own is not None:
        named = ConfigJson(dict(own), found.name)
        width = named.integer("head_dim", found.integer("head_dim"))
        keys = named.integer("num_key_value_heads", usual)
    else:
        width = found.integer("global_head_dim", 512)
        several = found.flag("attention_k_eq_v")
        keys = found.integer("num_global_key_value_heads", usual) if several else usual
    heads = found.integer("num_attention_heads")
    if heads % keys:
        raise found.contradiction(f"has {heads} attention heads for {keys} key and value heads")
    return width, keys


def _overrides(found: ConfigJson, layers: str) -> Mapping[str, Any] | None:
    """Return what `per_layer_config` says of the layers of full attention; None without it."""
    table = found.values.get("per_layer_config")
    if table is None:
        return None
    if table == {}:
        return {}  # they are as all others
    digits = len(str(len(layers) - 1))  # transformers pads the numbers
    full = {f"{number:0{digits}}" for number, letter in enumerate(layers) if letter == "f"}
    if not isinstance(table, Mapping) or {str(one).zfill(digits) for one in table} != full:
        raise found.contradiction(
            "has a `per_layer_config` that is not about its layers of full attention"
        )
    first = next(iter(table.values()))
    if any(one != first for one in table.values()) or not isinstance(first, Mapping):
        raise found.contradiction("has layers of full attention that differ from each other")
    if set(first) - set(_WIDE):
        raise found.contradiction("has a `per_layer_config` with more than heads")
    return first


def _experts(found: ConfigJson) -> Mapping[str, Any]:
    experts, routed = found.integer("num_experts"), found.integer("top_k_experts")
    if routed > experts:
        raise found.contradiction(f"routes each token to {routed} of {experts} experts")
    return {
        "experts": experts,
        "experts_per_token": routed,
        "moe_intermediate": found.integer("moe_intermediate_size"),
    }


def _blocks(shape: Architecture) -> tuple[Block, ...]:
    """Return the layers, in groups of equal ones."""
    return tuple(
        _block(shape, letter == "f", shared, numbers)
        for (letter, shared), numbers in alike(shape).items()
    )


def _block(shape: Architecture, full: bool, shared: bool, at: tuple[int, ...]) -> Block:
    wide = shape.integer("use_double_wide_mlp") and shared
    mlp = shape.intermediate * (2 if wide else 1)
    projected = 0 if shared else 1 if full and shape.integer("attention_k_eq_v") else 2
    attention = shape
    if full:
        attention = replace(
            shape,
            head_dim=shape.integer("global_head_dim"),
            kv_heads=shape.integer("num_global_key_value_heads"),
            sliding_window=0,
        )
    inputs = shape.integer("hidden_size_per_layer_input")
    experts = shape.experts * 3 * shape.hidden * shape.moe_intermediate
    return Block(
        len(at),
        (*linears(shape, attention, projected, mlp), *_gates(shape, inputs)),
        mlp,
        experts,
        shape.experts_per_token,
        shape.moe_intermediate,
        at=at,
        attention=attention,
        shared_keys=shared,
        beside=(PerLayerInput(inputs),) * (inputs > 0) + (NormedRouter(),) * (experts > 0),
        norms=(*NORMS, *(("post_per_layer_input_norm",) if inputs else ()))
        + (_ROUTED_NORMS if experts else ()),
        extras=tuple(_extras(shape)),
    )


def linears(
    shape: Architecture, attention: Architecture, projected: int, mlp: int
) -> Iterator[Linear]:
    """Yield the linear layers of attention and MLP.

    `projected` is 2 where keys and values have one each, 1 where keys give the values, and 0 where
    both are those of an earlier layer.
    """
    h, biased = shape.hidden, shape.bias
    q, kv = attention.heads * attention.head_dim, attention.kv_heads * attention.head_dim
    yield Linear("q_proj", h, q, biased=biased)
    for name in ("k_proj", "v_proj")[:projected]:
        yield Linear(name, h, kv, biased=biased)
    yield Linear("o_proj", q, h, "output", shape.o_bias)
    yield Linear("gate_proj", h, mlp, "mlp", module="mlp")
    yield Linear("up_proj", h, mlp, "mlp", module="mlp")
    yield Linear("down_proj", mlp, h, "down", module="mlp")


def _gates(shape: Architecture, inputs: int) -> Iterator[Linear]:
    """Yield the linear layers around a layer's own embedding of `inputs` elements."""
    if inputs:
        yield Linear("per_layer_input_gate", shape.hidden, inputs, "side", source="sum")
        yield Linear("per_layer_projection", inputs, shape.hidden, "side", source="gate")


def _extras(shape: Architecture) -> Iterator[Extra]:
    yield Extra("layer_scalar", (1,), buffer=True)
    if shape.experts:
        yield Extra("router.proj.weight", (shape.experts, shape.hidden), linear=True)
        yield Extra("router.scale", (shape.hidden,))
        yield Extra("router.per_expert_scale", (shape.experts,))


def outside(shape: Architecture) -> Iterator[Extra]:
    """Yield the tensors outside the layers: their embedding, and what is added to it."""
    inputs = shape.integer("hidden_size_per_layer_input")
    if inputs:
        width, rows = shape.layers * inputs, shape.integer("vocab_size_per_layer_input")
        yield Extra("embed_tokens_per_layer.weight", (rows, width), table=True)
        yield Extra("per_layer_model_projection.weight", (width, shape.hidden), linear=True)
        yield Extra("per_layer_projection_norm.weight", (inputs,))


_FIELDS = "hidden_activation layer_types -hidden_act"
_TYPES = {
    "attention_dropout": "nfi",
    "attention_k_eq_v": "b",
    "final_logit_softcapping": "nf",
    "head_dim": "i",
    "num_key_value_heads": "i",
    "num_kv_shared_layers": "i",
    "sliding_window": "i",
    "use_double_wide_mlp": "b",
}
_HABITS = Habits(scale_bytes=4, post_norm=True, value_norm=True, weighs_in_float=True)

FAMILIES: Mapping[str, Family] = {
    "gemma4_text": Family(
        classifier=False,
        norms=4,
        qk_norm=True,
        defaults=_DEFAULTS,
        naming=Naming(norms=NORMS, router="", mixture=""),
        habits=_HABITS,
        fields=_FIELDS,
        field_types=_TYPES
        | {
            "enable_moe_block": "b",
            "hidden_size_per_layer_input": "i",
            "moe_intermediate_size": "ni",
            "num_experts": "ni",
            "top_k_experts": "ni",
            "vocab_size_per_layer_input": "i",
        },
        written=("per_layer_config",),
        read=_read,
        own=_OWN,
        blocks=_blocks,
        outside=outside,
    ),
    "gemma4_unified_text": Family(
        classifier=False,
        norms=4,
        qk_norm=True,
        defaults=_DEFAULTS | {"max_position_embeddings": 262_144, "sliding_window": 1024},
        naming=Naming(norms=NORMS),
        habits=_HABITS,
        fields=_FIELDS,
        field_types=_TYPES,
        written=("per_layer_config",),
        read=_read_unified,
        own=_OWN,
        blocks=_blocks,
    ),
}
