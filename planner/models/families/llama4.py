"""The families `llama4_text`."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from planner.models.shapes.blocks import Block
from planner.models.shapes.config_json import ConfigJson
from planner.models.shapes.family import Family
from planner.models.shapes.habits import Habits
from planner.models.shapes.linears import attention, mixture, mlp
from planner.models.shapes.naming import LinearNames, Naming
from planner.models.shapes.shape import Architecture

_LETTERS = "CcFfNnRr"
"""Attention within chunks with (`c`) and without (`n`) a rotary embedding, full attention without
(`f`) and with (`r`) one; a capital letter is a layer with a dense MLP."""
_KINDS = {
    ("chunked_attention", True): "c",
    ("chunked_attention", False): "n",
    ("full_attention", False): "f",
    ("full_attention", True): "r",
}


def _read(found: ConfigJson) -> dict[str, Any]:
    """Return the kinds of the layers, and the widths of MLP and experts."""
    count, width = found.integer("num_hidden_layers"), found.integer("intermediate_size")
    kinds = _attention_of(found, count)
    mixtures = _mixtures(found, count)
    layers = "".join(kind if n in mixtures else kind.upper() for n, kind in enumerate(kinds))
    chunked = set(layers.lower()) & set("cn")
    return {
        "intermediate": found.integer("intermediate_size_mlp"),
        "moe_intermediate": width,
        "shared_intermediate": width,
        "dense_layers": count - len(mixtures),
        "sliding_window": found.integer("attention_chunk_size") if chunked else 0,
        "own": (("layers", layers),),
    }


def _attention_of(found: ConfigJson, count: int) -> str:
    step = found.integer("no_rope_layer_interval")
    rotary = tuple(int((n + 1) % step != 0) for n in range(count))
    if found.values.get("no_rope_layers"):
        rotary = found.integers("no_rope_layers", count, least=0)
    types = tuple("chunked_attention" if one else "full_attention" for one in rotary)
    if found.values.get("layer_types") is not None:
        types = found.texts("layer_types", ("chunked_attention", "full_attention"), count)
    return "".join(_KINDS[kind, bool(one)] for kind, one in zip(types, rotary, strict=True))


def _mixtures(found: ConfigJson, count: int) -> frozenset[int]:
    """Return the numbers of the layers with experts."""
    if found.values.get("moe_layers") is None:
        step = found.integer("interleave_moe_layer_step")
        return frozenset(range(step - 1, count, step))
    return frozenset(found.integers("moe_layers", None, least=0)) & frozenset(range(count))


def _blocks(shape: Architecture) -> tuple[Block, ...]:
    """Return the layers of each kind."""
    kinds = shape.text("layers")
    return tuple(_block(shape, letter) for letter in _LETTERS if letter in kinds)


def _block(shape: Architecture, letter: str) -> Block:
    """Return the layers of one kind. Every expert computes every token (`Llama4TextMoe`)."""
    at = tuple(n for n, kind in enumerate(shape.text("layers")) if kind == letter)
    kind, names = letter.lower(), LinearNames()
    one = replace(
        shape,
        sliding_window=shape.sliding_window if kind in "cn" else 0,
        qk_norm=shape.qk_norm and kind in "cr",
    )
    attends = attention(shape, names)
    if letter.isupper():
        parts = attends + mlp(shape, names, shape.intermediate)
        return Block(len(at), parts, shape.intermediate, at=at, attention=one)
    made = mixture(shape, names, attends, len(at))
    return replace(made, routed=shape.experts, at=at, attention=one)


FAMILIES: Mapping[str, Family] = {
    "llama4_text": Family(
        classifier=False,
        qk_norm="use_qk_norm",
        qk_vectors=0,
        experts="num_local_experts",
        moe_width="intermediate_size",
        defaults={
            "attention_chunk_size": 8192,
            "head_dim": 128,
            "interleave_moe_layer_step": 1,
            "intermediate_size_mlp": 16384,
            "no_rope_layer_interval": 4,
            "num_experts_per_tok": 1,
            "num_local_experts": 16,
            "use_qk_norm": True,
        },
        naming=Naming(
            mlp="feed_forward",
            router="router.weight",
            mixture="feed_forward",
            inputs_first=True,
        ),
        habits=Habits(packs=False),
        fields=(
            "layer_types no_rope_layer_interval no_rope_layers num_experts_per_tok "
            "num_local_experts output_router_logits router_aux_loss_coef router_jitter_noise"
        ),
        field_types={
            "attention_chunk_size": "ni",
            "attn_scale": "f",
            "attn_temperature_tuning": "b",
            "floor_scale": "i",
            "head_dim": "i",
            "interleave_moe_layer_step": "i",
            "intermediate_size_mlp": "i",
            "moe_layers": "nl",
            "num_key_value_heads": "i",
            "use_qk_norm": "b",
        },
        read=_read,
        own={"layers": _LETTERS},
        blocks=_blocks,
    ),
}
