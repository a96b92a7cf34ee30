"""The family `granitemoehybrid`: Mamba-2 or attention, then a shared MLP and perhaps experts."""

from collections.abc import Mapping
from typing import Any

from planner.models.families.granite import FAMILIES as GRANITE
from planner.models.shapes.blocks import Block, Linear
from planner.models.shapes.config_json import ConfigJson
from planner.models.shapes.family import Family
from planner.models.shapes.habits import Habits
from planner.models.shapes.letters import letters, places
from planner.models.shapes.mixers import StateSpace
from planner.models.shapes.naming import LinearNames
from planner.models.shapes.shape import Architecture
from planner.models.shapes.state_space import extras, linears

_KINDS = {"linear_attention": "m", "mamba": "m", "full_attention": "a", "attention": "a"}


def _read(found: ConfigJson) -> Mapping[str, Any]:
    named = (letters(found, one, _KINDS) for one in ("layer_types", "layers_block_type"))
    heads, inner = found.integer("mamba_n_heads"), _inner(found)
    own = {
        "layers": next(filter(None, named), "m" * _count(found)),
        "mamba_n_heads": heads,
        "mamba_d_head": inner // heads,
        "mamba_n_groups": found.integer("mamba_n_groups"),
        "mamba_d_state": found.integer("mamba_d_state"),
        "mamba_d_conv": found.integer("mamba_d_conv"),
        "mamba_chunk_size": found.integer("mamba_chunk_size"),
        "mamba_conv_bias": int(found.flag("mamba_conv_bias")),
        "mamba_proj_bias": int(found.flag("mamba_proj_bias")),
    }
    shared = found.integer("shared_intermediate_size")
    return {
        "own": tuple(sorted(own.items())), "intermediate": shared, "shared_intermediate": shared,
    }  # fmt: skip


def _count(found: ConfigJson) -> int:
    return found.integer("num_hidden_layers")


def _inner(found: ConfigJson) -> int:
    """Return the width of all Mamba heads."""
    heads, inner = (
        found.integer("mamba_n_heads"),
        found.integer("mamba_expand") * found.integer("hidden_size"),
    )
    each = inner // heads
    if found.values.get("mamba_d_head") != "auto":
        each = found.integer("mamba_d_head")
    if heads * each != inner or heads % found.integer("mamba_n_groups"):
        raise found.contradiction(
            f"has {heads} Mamba heads of width {each} in {found.integer('mamba_n_groups')} groups, "
            f"but {inner} channels"
        )
    return inner


def _blocks(shape: Architecture) -> tuple[Block, ...]:
    return tuple(_block(shape, one, at) for one, at in places(shape.text("layers")).items())


def _block(shape: Architecture, letter: str, at: tuple[int, ...]) -> Block:
    mixer = _mixer(shape) if letter == "m" else None
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


def _mixer(shape: Architecture) -> StateSpace:
    return StateSpace(
        heads=shape.integer("mamba_n_heads"),
        head_dim=shape.integer("mamba_d_head"),
        groups=shape.integer("mamba_n_groups"),
        state=shape.integer("mamba_d_state"),
        kernel=shape.integer("mamba_d_conv"),
        chunk=shape.integer("mamba_chunk_size"),
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
            "vocab_size": 32_000, "mamba_n_heads": 128, "mamba_n_groups": 1, "mamba_d_state": 256,
            "mamba_d_head": "auto", "mamba_d_conv": 4, "mamba_expand": 2, "mamba_chunk_size": 256,
            "mamba_conv_bias": True, "shared_intermediate_size": 1024, "num_local_experts": 8,
            "num_experts_per_tok": 2, "intermediate_size": 11_008,
        },
        linears=LinearNames(gate="input_linear", up="input_linear", down="output_linear"),
        naming=_MIXTURE.naming,
        habits=Habits(packs=False),
        fields=f"{_MIXTURE.fields} layer_types",
        field_types={
            **_MIXTURE.field_types, "mamba_chunk_size": "ni", "mamba_conv_bias": "nb",
            "mamba_d_conv": "ni", "mamba_d_head": "nis", "mamba_d_state": "ni",
            "mamba_expand": "ni", "mamba_n_groups": "ni", "mamba_n_heads": "ni",
            "mamba_proj_bias": "nb", "position_embedding_type": "ns",
            "shared_intermediate_size": "i",
        },
        read=_read,
        own={
            "layers": "am", "mamba_n_heads": "some", "mamba_d_head": "some",
            "mamba_n_groups": "some", "mamba_d_state": "some", "mamba_d_conv": "some",
            "mamba_chunk_size": "some", "mamba_conv_bias": "any", "mamba_proj_bias": "any",
        },
        blocks=_blocks,
    ),
}  # fmt: skip
