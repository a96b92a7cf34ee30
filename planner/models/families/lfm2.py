"""The families `lfm2` and `lfm2_moe`: gated short convolutions between layers of attention."""

from collections.abc import Iterator, Mapping
from typing import Any

from planner.models.shapes.blocks import Block, Extra, Linear
from planner.models.shapes.config_json import ConfigJson
from planner.models.shapes.family import Family
from planner.models.shapes.habits import Habits
from planner.models.shapes.letters import letters, places
from planner.models.shapes.mixers import ShortConvolution
from planner.models.shapes.naming import LinearNames, Naming
from planner.models.shapes.shape import Architecture
from planner.models.shapes.state_space import convolution

_KINDS = {"conv": "c", "full_attention": "a", "attention": "a"}
_NAMES = LinearNames(output="out_proj", gate="w1", up="w3", down="w2")
_OWN = {"layers": "ac", "conv_l_cache": "some", "conv_bias": "any"}


def _read(found: ConfigJson) -> Mapping[str, Any]:
    return {**_facts(found, _layers(found), {}), "intermediate": _width(found)}


def _read_mixture(found: ConfigJson) -> Mapping[str, Any]:
    biased = {"use_expert_bias": int(found.flag("use_expert_bias"))}
    if not (layers := letters(found, "layer_types", _KINDS)):
        raise found.contradiction("has no list `layer_types`")
    return _facts(found, layers, biased)


def _facts(found: ConfigJson, layers: str, more: Mapping[str, int]) -> Mapping[str, Any]:
    tied = "tie_embedding" if "tie_embedding" in found.values else "tie_word_embeddings"
    own = {
        "layers": layers,
        "conv_l_cache": found.integer("conv_L_cache"),
        "conv_bias": int(found.flag("conv_bias")),
        **more,
    }
    return {"own": tuple(sorted(own.items())), "tied": found.flag(tied)}


def _layers(found: ConfigJson) -> str:
    """Return the kinds of the layers, which older files give as the numbers of attention."""
    if listed := letters(found, "layer_types", _KINDS):
        return listed
    layers, full = found.integer("num_hidden_layers"), found.values.get("full_attn_idxs")
    if full is None:
        return "a" * layers
    if not isinstance(full, list) or not all(type(one) is int for one in full):
        raise found.contradiction("has no list of numbers in `full_attn_idxs`")
    return "".join("a" if number in full else "c" for number in range(layers))


def _width(found: ConfigJson) -> int:
    """Return the MLP's width, as `Lfm2MLP` adjusts it."""
    width = found.integer("block_ff_dim", found.integer("intermediate_size"))
    if not found.flag("block_auto_adjust_ff_dim"):
        return width
    factor, step = found.values.get("block_ffn_dim_multiplier"), found.integer("block_multiple_of")
    if not isinstance(factor, int | float) or not 0 < factor <= 1000:
        raise found.contradiction("has no factor of the MLP's width in `block_ffn_dim_multiplier`")
    return step * -(-int(factor * int(2 * width / 3)) // step)


def _blocks(shape: Architecture) -> tuple[Block, ...]:
    dense = shape.dense_layers if shape.experts else shape.layers
    kinds = "".join(
        letter if number < dense else letter.upper()
        for number, letter in enumerate(shape.text("layers"))
    )
    return tuple(_block(shape, letter, at) for letter, at in places(kinds).items())


def _block(shape: Architecture, letter: str, at: tuple[int, ...]) -> Block:
    """Return the layers of one kind; those with experts have a capital letter."""
    convolves, routed = letter.lower() == "c", letter.isupper()
    biased = shape.integer("conv_bias") > 0
    mixer = ShortConvolution(shape.hidden, shape.integer("conv_l_cache")) if convolves else None
    extras = (
        *convolution("conv.conv", shape.hidden, shape.integer("conv_l_cache"), biased=biased),
    ) * convolves
    if not routed:
        linears = (*_mixing(shape, convolves, biased), *_mlp(shape))
        return Block(len(at), linears, shape.intermediate, at=at, mixer=mixer, extras=extras)
    if shape.integer("use_expert_bias"):
        extras += (Extra("feed_forward.expert_bias", (shape.experts,), buffer=True),)
    return Block(
        len(at),
        tuple(_mixing(shape, convolves, biased)),
        0,
        3 * shape.experts * shape.hidden * shape.moe_intermediate,
        shape.experts_per_token,
        shape.moe_intermediate,
        at=at,
        mixer=mixer,
        extras=extras,
    )


def _mixing(shape: Architecture, convolves: bool, biased: bool) -> Iterator[Linear]:
    """Yield the projections of a convolution or of attention."""
    h, q, kv = shape.hidden, shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    if convolves:
        yield Linear("in_proj", h, 3 * h, biased=biased, module="conv")
        yield Linear("out_proj", h, h, "output", biased=biased, module="conv")
        return
    for name, width in (("q_proj", q), ("k_proj", kv), ("v_proj", kv)):
        yield Linear(name, h, width)
    yield Linear("out_proj", q, h, "output")


def _mlp(shape: Architecture) -> Iterator[Linear]:
    h, width = shape.hidden, shape.intermediate
    yield Linear("w1", h, width, "mlp")
    yield Linear("w3", h, width, "mlp")
    yield Linear("w2", width, h, "down")


_DEFAULTS = {
    "vocab_size": 65536,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "max_position_embeddings": 128_000,
    "tie_word_embeddings": True,
    "conv_L_cache": 3,
}
_NAMING = Naming(
    mlp="feed_forward",
    norms=("operator_norm", "ffn_norm"),
    final="embedding_norm",
    qk_norms=("q_layernorm", "k_layernorm"),
    mixture="feed_forward",
    parts=("w1.weight", "w3.weight", "w2.weight"),
)
_FIELDS = "layer_types norm_eps -attention_bias -attention_dropout -hidden_act -rms_norm_eps"
_TYPES = {"conv_L_cache": "i", "conv_bias": "b", "num_key_value_heads": "i"}

FAMILIES: Mapping[str, Family] = {
    "lfm2": Family(
        classifier=False,
        bias=False,
        o_bias=False,
        qk_norm=True,
        defaults=_DEFAULTS
        | {
            "block_auto_adjust_ff_dim": True,
            "block_ffn_dim_multiplier": 1.0,
            "block_multiple_of": 256,
        },
        linears=_NAMES,
        naming=_NAMING,
        habits=Habits(packs=False),
        fields=_FIELDS,
        field_types=_TYPES
        | {
            "block_auto_adjust_ff_dim": "b",
            "block_ffn_dim_multiplier": "fi",
            "block_multiple_of": "i",
            "full_attn_idxs": "nl",
        },
        read=_read,
        own=_OWN,
        blocks=_blocks,
    ),
    "lfm2_moe": Family(
        classifier=False,
        bias=False,
        o_bias=False,
        qk_norm=True,
        experts="num_experts",
        dense="num_dense_layers",
        defaults=_DEFAULTS
        | {
            "moe_intermediate_size": 1792,
            "num_dense_layers": 2,
            "num_experts": 32,
            "num_experts_per_tok": 4,
            "use_expert_bias": True,
        },
        linears=_NAMES,
        naming=_NAMING,
        habits=Habits(weighs_in_float=True, packs=False),
        fields=(
            f"{_FIELDS} moe_intermediate_size norm_topk_prob num_experts num_experts_per_tok "
            "output_router_logits routed_scaling_factor"
        ),
        field_types=_TYPES | {"num_dense_layers": "i", "use_expert_bias": "b"},
        read=_read_mixture,
        own=_OWN | {"use_expert_bias": "any"},
        blocks=_blocks,
    ),
}
