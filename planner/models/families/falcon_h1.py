"""The family `falcon_h1`: Mamba-2 and attention on the same input, then an MLP, in every layer."""

from collections.abc import Iterator, Mapping
from typing import Any

from planner.models.shapes.blocks import Block, Linear
from planner.models.shapes.config_json import ConfigJson
from planner.models.shapes.family import Family
from planner.models.shapes.habits import Habits
from planner.models.shapes.mixers import StateSpace
from planner.models.shapes.naming import Naming
from planner.models.shapes.shape import Architecture
from planner.models.shapes.state_space import extras, linears

_FLAGS = ("mamba_conv_bias", "mamba_proj_bias", "mamba_rms_norm", "projectors_bias")


def _read(found: ConfigJson) -> Mapping[str, Any]:
    heads, inner = found.integer("mamba_n_heads"), _inner(found)
    sizes = ("mamba_n_groups", "mamba_d_state", "mamba_d_conv", "mamba_chunk_size")
    own = {
        "mamba_n_heads": heads,
        "mamba_d_head": inner // heads,
        **{name: found.integer(name) for name in sizes},
        **{name: int(found.flag(name)) for name in _FLAGS},
    }
    return {"own": tuple(sorted(own.items()))}


def _inner(found: ConfigJson) -> int:
    """Return the width of all Mamba heads, which is `mamba_d_ssm` unless that is null."""
    heads, groups = found.integer("mamba_n_heads"), found.integer("mamba_n_groups")
    inner = found.integer("mamba_expand") * found.integer("hidden_size")
    if found.values.get("mamba_d_ssm") is not None:
        inner = found.integer("mamba_d_ssm")
    each = inner // heads
    if found.values.get("mamba_d_head") != "auto":
        each = found.integer("mamba_d_head")
    if heads * each != inner or heads % groups:
        raise found.contradiction(
            f"has {heads} Mamba heads of width {each} in {groups} groups, but {inner} channels"
        )
    return inner


def _blocks(shape: Architecture) -> tuple[Block, ...]:
    normed = shape.integer("mamba_rms_norm") > 0
    mixer = StateSpace(
        heads=shape.integer("mamba_n_heads"),
        head_dim=shape.integer("mamba_d_head"),
        groups=shape.integer("mamba_n_groups"),
        state=shape.integer("mamba_d_state"),
        kernel=shape.integer("mamba_d_conv"),
        chunk=shape.integer("mamba_chunk_size"),
        normed=normed,
        beside_attention=True,
    )
    biased = shape.integer("mamba_conv_bias") > 0
    return (
        Block(
            shape.layers,
            tuple(_linears(shape, mixer)),
            shape.intermediate,
            at=tuple(range(shape.layers)),
            mixer=mixer,
            extras=extras(mixer, "mamba", biased=biased),
        ),
    )


def _linears(shape: Architecture, mixer: StateSpace) -> Iterator[Linear]:
    """Yield the linear layers; attention and Mamba read products of their own of the norm."""
    h, q, kv = shape.hidden, shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    entering, leaving = shape.integer("mamba_proj_bias"), shape.integer("projectors_bias")
    (first, last) = linears(mixer, h, "mamba", biased=entering > 0)
    yield Linear(first.name, h, first.outputs, "attention", first.biased, "mamba", source="Mamba")
    yield Linear(last.name, last.inputs, h, "output", leaving > 0, "mamba")
    for name, width in (("q_proj", q), ("k_proj", kv), ("v_proj", kv)):
        yield Linear(name, h, width, biased=shape.bias)
    yield Linear("o_proj", q, h, "output", shape.o_bias)
    for name in ("gate_proj", "up_proj"):
        yield Linear(name, h, shape.intermediate, "mlp", shape.mlp_bias)
    yield Linear("down_proj", shape.intermediate, h, "down", shape.mlp_bias)


FAMILIES: Mapping[str, Family] = {
    "falcon_h1": Family(
        mlp_bias="mlp_bias",
        classifier=False,
        unadapted=("out_proj",),
        defaults={
            "vocab_size": 128_000, "num_attention_heads": 32, "num_key_value_heads": 8,
            "max_position_embeddings": 8192, "mamba_d_ssm": 1024, "mamba_n_heads": 128,
            "mamba_d_head": "auto", "mamba_n_groups": 1, "mamba_d_state": 256, "mamba_d_conv": 4,
            "mamba_expand": 2, "mamba_chunk_size": 256, "mamba_conv_bias": True,
        },
        naming=Naming(
            mlp="feed_forward",
            norms=("input_layernorm", "pre_ff_layernorm"),
            final="final_layernorm",
        ),
        habits=Habits(packs=False),
        fields="mlp_bias",
        field_types={
            "attention_dropout": "nfi", "attention_in_multiplier": "nf",
            "attention_out_multiplier": "nf", "embedding_multiplier": "nf",
            "key_multiplier": "nf", "lm_head_multiplier": "nf", "mamba_chunk_size": "ni",
            "mamba_conv_bias": "nb", "mamba_d_conv": "ni", "mamba_d_head": "nis",
            "mamba_d_ssm": "ni", "mamba_d_state": "ni", "mamba_expand": "ni",
            "mamba_n_groups": "ni", "mamba_n_heads": "ni", "mamba_norm_before_gate": "nb",
            "mamba_proj_bias": "nb", "mamba_rms_norm": "nb", "mlp_multipliers": "nl",
            "num_logits_to_keep": "ni", "projectors_bias": "nb", "ssm_in_multiplier": "nf",
            "ssm_multipliers": "nl", "ssm_out_multiplier": "nf", "use_cache": "nb",
        },
        read=_read,
        own={
            "mamba_n_heads": "some", "mamba_d_head": "some", "mamba_n_groups": "some",
            "mamba_d_state": "some", "mamba_d_conv": "some", "mamba_chunk_size": "some",
            **dict.fromkeys(_FLAGS, "any"),
        },
        blocks=_blocks,
    ),
}  # fmt: skip
