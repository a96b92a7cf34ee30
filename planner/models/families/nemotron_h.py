"""The family `nemotron_h`: layers that are a Mamba-2, an attention, an MLP or a mixture each."""

from collections.abc import Iterator, Mapping
from typing import Any

from planner.models.shapes.blocks import Block, Extra, Linear
from planner.models.shapes.config_json import ConfigJson
from planner.models.shapes.family import Family
from planner.models.shapes.habits import Habits
from planner.models.shapes.letters import letters, places
from planner.models.shapes.mixers import Absent, StateSpace
from planner.models.shapes.naming import Naming
from planner.models.shapes.shape import Architecture
from planner.models.shapes.state_space import extras, linears

_KINDS = {
    "linear_attention": "m",
    "mamba": "m",
    "full_attention": "a",
    "attention": "a",
    "mlp": "f",
    "moe": "e",
}
_PATTERN = {"M": "m", "*": "a", "-": "f", "E": "e"}
_OTHERWISE = {
    "n_groups": "mamba_n_groups",
    "conv_kernel": "mamba_d_conv",
    "chunk_size": "mamba_chunk_size",
    "use_conv_bias": "mamba_conv_bias",
}
"""Names of fields in some files, which the class prefers."""
_DENSE = {
    "experts": 0, "experts_per_token": 0, "moe_intermediate": 0, "shared_intermediate": 0,
}  # fmt: skip


def _read(found: ConfigJson) -> Mapping[str, Any]:
    layers = _layers(found)
    sizes = ("mamba_num_heads", "mamba_head_dim", "ssm_state_size")
    counts = ("n_groups", "conv_kernel", "chunk_size")
    latent = found.values.get("moe_latent_size") is not None
    own = {
        **{name: found.integer(name) for name in sizes},
        **{name: found.integer(_name(found, name)) for name in counts},
        "use_conv_bias": int(found.flag(_name(found, "use_conv_bias"))),
        "use_bias": int(found.flag("use_bias")),
        "moe_latent_size": found.integer("moe_latent_size") if latent else 0,
    }
    heads, groups = own["mamba_num_heads"], own["n_groups"]
    if heads % groups:
        raise found.contradiction(f"has {heads} Mamba heads in {groups} groups")
    facts = {
        "own": tuple(sorted({**own, "layers": layers}.items())),
        "layers": len(layers),
        "tied": False,
    }
    return facts | (_DENSE if "e" not in layers else {})


def _name(found: ConfigJson, name: str) -> str:
    other = _OTHERWISE[name]
    return other if other in found.values else name


def _layers(found: ConfigJson) -> str:
    for field in ("layers_block_type", "layer_types"):
        if listed := letters(found, field, _KINDS):
            return listed
    if not (pattern := letters(found, "hybrid_override_pattern", _PATTERN)):
        raise found.contradiction("has no list `layers_block_type`")
    return pattern


def _blocks(shape: Architecture) -> tuple[Block, ...]:
    made = {"m": _state_space, "a": _attention, "f": _mlp, "e": _mixture}
    return tuple(made[one](shape, at) for one, at in places(shape.text("layers")).items())


def _state_space(shape: Architecture, at: tuple[int, ...]) -> Block:
    mixer = StateSpace(
        heads=shape.integer("mamba_num_heads"),
        head_dim=shape.integer("mamba_head_dim"),
        groups=shape.integer("n_groups"),
        state=shape.integer("ssm_state_size"),
        kernel=shape.integer("conv_kernel"),
        chunk=shape.integer("chunk_size"),
    )
    return Block(
        len(at),
        linears(mixer, shape.hidden, "mixer", biased=shape.integer("use_bias") > 0),
        0,
        at=at,
        mixer=mixer,
        extras=extras(mixer, "mixer", biased=shape.integer("use_conv_bias") > 0),
    )


def _attention(shape: Architecture, at: tuple[int, ...]) -> Block:
    h, q, kv = shape.hidden, shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    entering = (("q_proj", q), ("k_proj", kv), ("v_proj", kv))
    parts = (
        *(Linear(name, h, width) for name, width in entering),
        Linear("o_proj", q, h, "output"),
    )
    return Block(len(at), parts, 0, at=at)


def _mlp(shape: Architecture, at: tuple[int, ...]) -> Block:
    parts = tuple(_two(shape, shape.intermediate, "mixer"))
    return Block(len(at), parts, shape.intermediate, at=at, mixer=Absent())


def _two(shape: Architecture, width: int, module: str) -> Iterator[Linear]:
    yield Linear("up_proj", shape.hidden, width, "mlp", shape.mlp_bias, module)
    yield Linear("down_proj", width, shape.hidden, "down", shape.mlp_bias, module)


def _mixture(shape: Architecture, at: tuple[int, ...]) -> Block:
    """Return the layers with experts, which read and write `moe_latent_size` if it is not 0."""
    latent, shared, biased = (
        shape.integer("moe_latent_size"),
        "mixer.shared_experts",
        shape.mlp_bias,
    )
    narrow = (
        Linear("fc1_latent_proj", shape.hidden, latent, "mlp", biased, "mixer"),
        Linear("fc2_latent_proj", latent, shape.hidden, "down", biased, "mixer"),
    )
    return Block(
        len(at),
        (*(narrow * (latent > 0)), *_two(shape, shape.shared_intermediate, shared)),
        shape.shared_intermediate,
        2 * shape.experts * (latent or shape.hidden) * shape.moe_intermediate,
        shape.experts_per_token,
        shape.moe_intermediate,
        at=at,
        mixer=Absent(),
        extras=(Extra("mixer.gate.e_score_correction_bias", (shape.experts,), buffer=True),),
        routed_hidden=latent,
    )


FAMILIES: Mapping[str, Family] = {
    "nemotron_h": Family(
        classifier=False,
        bias=False,
        o_bias=False,
        mlp_bias="mlp_bias",
        gated_mlp=False,
        norms=1,
        experts="n_routed_experts",
        shared="moe_shared_expert_intermediate_size",
        rotary=False,
        padding_row=False,
        defaults={
            "vocab_size": 131_072, "num_attention_heads": 32, "num_key_value_heads": 8,
            "head_dim": 128, "intermediate_size": 21_504, "max_position_embeddings": 4096,
            "mamba_num_heads": 128, "mamba_head_dim": 64, "ssm_state_size": 128, "n_groups": 8,
            "conv_kernel": 4, "chunk_size": 128, "use_conv_bias": True, "n_routed_experts": 8,
            "num_experts_per_tok": 2, "moe_intermediate_size": 7688,
            "moe_shared_expert_intermediate_size": 7688,
        },
        layer_list="layers_block_type",
        unadapted=("out_proj",),
        naming=Naming(
            embedding="embeddings",
            attention="mixer",
            mlp="mixer",
            norms=("norm",),
            final="norm_f",
            mixture="mixer",
            experts=("up_proj", "down_proj"),
            parts=("up_proj.weight", "down_proj.weight"),
            renamed=(("backbone.", "model."),),
        ),
        habits=Habits(
            scale_bytes=4, autocast_bytes=6, power_bytes=16, float_product=True, packs=False
        ),
        fields=(
            "hidden_dropout layer_norm_epsilon mlp_bias moe_intermediate_size n_group "
            "n_routed_experts n_shared_experts norm_topk_prob num_experts_per_tok "
            "output_router_logits sliding_window topk_group -hidden_act -rms_norm_eps"
        ),
        field_types={
            "chunk_size": "i", "conv_kernel": "i", "expand": "i", "head_dim": "i",
            "layers_block_type": "nl", "mamba_head_dim": "i", "mamba_hidden_act": "s",
            "mamba_num_heads": "i", "mamba_proj_bias": "b", "mamba_ssm_cache_dtype": "s",
            "mlp_hidden_act": "s",
            "moe_latent_size": "ni", "moe_shared_expert_intermediate_size": "i",
            "moe_shared_expert_overlap": "b", "mtp_layers_block_type": "nl", "n_groups": "i",
            "num_logits_to_keep": "i", "num_key_value_heads": "i",
            "num_nextn_predict_layers": "i", "rescale_prenorm_residual": "b",
            "residual_in_fp32": "b", "routed_scaling_factor": "fi", "ssm_state_size": "i",
            "time_step_floor": "f", "time_step_max": "f", "time_step_min": "f",
            "use_bias": "b", "use_conv_bias": "b", "use_mamba_kernels": "b",
        },
        read=_read,
        own={
            "layers": "aefm", "mamba_num_heads": "some", "mamba_head_dim": "some",
            "ssm_state_size": "some", "n_groups": "some", "conv_kernel": "some",
            "chunk_size": "some", "use_conv_bias": "any", "use_bias": "any",
            "moe_latent_size": "any",
        },
        blocks=_blocks,
    ),
}  # fmt: skip
