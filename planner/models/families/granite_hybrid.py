"""The family `granitemoehybrid`: Mamba-2 or attention, then a shared MLP and perhaps experts."""

from collections.abc import Mapping
from typing import Any

from planner.models.families.granite import FAMILIES as GRANITE
from planner.models.shapes.blocks import Block, Linear
from planner.models.shapes.config_json import ConfigJson
from planner.models.shapes.family import Family
from planner.models.shapes.habits import Habits
from planner.models.shapes.letters import letters, places
from planner.models.shapes.naming import LinearNames
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

_KINDS = {"linear_attention": "m", "mamba": "m", "full_attention": "a", "attention": "a"}


def _read(found: ConfigJson) -> Mapping[str, Any]:
    named = (letters(found, one, _KINDS) for one in ("layer_types", "layers_block_type"))
    own = {
        "layers": next(filter(None, named), "m" * _count(found)),
        **sizes(found),
        "mamba_conv_bias": int(found.flag("mamba_conv_bias")),
        "mamba_proj_bias": int(found.flag("mamba_proj_bias")),
    }
    shared = found.integer("shared_intermediate_size")
    return {
        "own": tuple(sorted(own.items())), "intermediate": shared, "shared_intermediate": shared,
    }  # fmt: skip


def _count(found: ConfigJson) -> int:
    return found.integer("num_hidden_layers")


def _blocks(shape: Architecture) -> tuple[Block, ...]:
    return tuple(_block(shape, one, at) for one, at in places(shape.text("layers")).items())


def _block(shape: Architecture, letter: str, at: tuple[int, ...]) -> Block:
    mixer = sized(shape) if letter == "m" else None
    biased = shape.integer("mamba_proj_bias") > 0
    parts = linears(mixer, shape.hidden, "mamba", biased=biased) if mixer else _attention(shape)
    biased = shape.integer("mamba_conv_bias") > 0
    width, experts = shape.shared_intermediate, shape.experts
    return Block(
        len(at),
        (*parts, *_mlp(shape, width)),
        width,
        3 * experts * shape.hidden * shape.moe_intermediate,
        shape.experts_per_token,
        shape.moe_intermediate,
        at=at,
        mixer=mixer,
        extras=extras(mixer, "mamba", biased=biased) if mixer else (),
    )


def _attention(shape: Architecture) -> tuple[Linear, ...]:
    h, q, kv = shape.hidden, shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    entering = (("q_proj", q), ("k_proj", kv), ("v_proj", kv))
    return (
        *(Linear(name, h, width, biased=shape.bias) for name, width in entering),
        Linear("o_proj", q, h, "output", shape.o_bias),
    )


def _mlp(shape: Architecture, width: int) -> tuple[Linear, ...]:
    return (
        Linear("input_linear", shape.hidden, 2 * width, "mlp", module="shared_mlp"),
        Linear("output_linear", width, shape.hidden, "down", module="shared_mlp"),
    )


_MIXTURE = GRANITE["granitemoe"]

FAMILIES: Mapping[str, Family] = {
    "granitemoehybrid": Family(
        classifier=False,
        experts="num_local_experts",
        moe_width="intermediate_size",
        shared="shared_intermediate_size",
        unadapted=("out_proj",),
        defaults={
            **DEFAULTS, "vocab_size": 32_000, "shared_intermediate_size": 1024,
            "num_local_experts": 8,
            "num_experts_per_tok": 2, "intermediate_size": 11_008,
        },
        linears=LinearNames(gate="input_linear", up="input_linear", down="output_linear"),
        naming=_MIXTURE.naming,
        habits=Habits(packs=False),
        fields=f"{_MIXTURE.fields} layer_types",
        field_types={
            **_MIXTURE.field_types, **FIELD_TYPES, "position_embedding_type": "ns",
            "shared_intermediate_size": "i",
        },
        read=_read,
        own={
            "layers": "am", **OWN, "mamba_conv_bias": "any", "mamba_proj_bias": "any",
        },
        blocks=_blocks,
    ),
}  # fmt: skip
