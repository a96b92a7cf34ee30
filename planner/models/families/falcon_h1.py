"""The family `falcon_h1`: Mamba-2 and attention on the same input, then an MLP, in every layer."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from planner.models.shapes.blocks import Block, Linear
from planner.models.shapes.config_json import ConfigJson
from planner.models.shapes.family import Family
from planner.models.shapes.habits import Habits
from planner.models.shapes.mixers import StateSpace
from planner.models.shapes.naming import Naming
from planner.models.shapes.shape import Architecture
from planner.models.shapes.state_space import (
    DEFAULTS,
    FIELD_TYPES,
    OWN,
    extras,
    linears,
    sizes,
)
from planner.models.shapes.state_space import mixer as sized

_FLAGS = ("mamba_conv_bias", "mamba_proj_bias", "mamba_rms_norm", "projectors_bias")


def _read(found: ConfigJson) -> Mapping[str, Any]:
    given = found.values.get("mamba_d_ssm") is not None
    own = {
        **sizes(found, found.integer("mamba_d_ssm") if given else None),
        **{name: int(found.flag(name)) for name in _FLAGS},
    }
    return {"own": tuple(sorted(own.items()))}


def _blocks(shape: Architecture) -> tuple[Block, ...]:
    normed = shape.integer("mamba_rms_norm") > 0
    mixer = replace(sized(shape), normed=normed, beside_attention=True)
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
            "max_position_embeddings": 8192, "mamba_d_ssm": 1024, **DEFAULTS,
        },
        naming=Naming(
            mlp="feed_forward",
            norms=("input_layernorm", "pre_ff_layernorm"),
            final="final_layernorm",
        ),
        habits=Habits(packs=False),
        fields="mlp_bias",
        field_types={
            **FIELD_TYPES,
            "attention_dropout": "nfi", "attention_in_multiplier": "nf",
            "attention_out_multiplier": "nf", "embedding_multiplier": "nf",
            "key_multiplier": "nf", "lm_head_multiplier": "nf", "mamba_d_ssm": "ni",
            "mamba_norm_before_gate": "nb", "mamba_rms_norm": "nb", "mlp_multipliers": "nl",
            "num_logits_to_keep": "ni", "projectors_bias": "nb", "ssm_in_multiplier": "nf",
            "ssm_multipliers": "nl", "ssm_out_multiplier": "nf", "use_cache": "nb",
        },
        read=_read,
        own={**OWN, **dict.fromkeys(_FLAGS, "any")},
        blocks=_blocks,
    ),
}  # fmt: skip
