"""The families `ernie4_5_moe`."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from planner.models.shapes.blocks import Block, Extra
from planner.models.shapes.config_json import BETWEEN, ConfigJson
from planner.models.shapes.family import Family
from planner.models.shapes.linears import attention, mixture, mlp
from planner.models.shapes.naming import LinearNames, Naming
from planner.models.shapes.shape import Architecture


def _read(found: ConfigJson) -> dict[str, Any]:
    """Return the width of the shared experts, and the number of leading dense layers."""
    layers = found.integer("num_hidden_layers")
    values = found.values
    first, last = values.get("moe_layer_start_index", 1), values.get("moe_layer_end_index", -1)
    if type(first) is not int or not 0 <= first <= layers:
        raise found.contradiction("has no layer of the number `moe_layer_start_index`")
    ends = type(last) is int and (last == -1 or last >= layers - 1)
    if not ends or values.get("moe_layer_interval", 1) != 1:
        raise found.unsupported(BETWEEN)
    shared = found.integer("moe_num_shared_experts") if values.get("moe_num_shared_experts") else 0
    return {
        "dense_layers": first,
        "shared_intermediate": shared * found.integer("moe_intermediate_size"),
    }


def _blocks(shape: Architecture) -> tuple[Block, ...]:
    """Return dense layers, then mixtures, whose routers have a correction that is not trained."""
    names, dense, found = LinearNames(), shape.dense_layers, []
    attends = attention(shape, names)
    if dense:
        parts = attends + mlp(shape, names, shape.intermediate)
        found.append(Block(dense, parts, shape.intermediate))
    if shape.layers > dense:
        made = mixture(shape, names, attends, shape.layers - dense)
        correction = Extra(
            "mlp.gate.moe_statics.e_score_correction_bias", (1, shape.experts), untrained=True
        )
        found.append(replace(made, extras=(correction,)))
    return tuple(found)


FAMILIES: Mapping[str, Family] = {
    "ernie4_5_moe": Family(
        classifier=False,
        bias="use_bias",
        o_bias="use_bias",
        mlp_bias="use_bias",
        head_bias="use_bias",
        experts="moe_num_experts",
        defaults={
            "tie_word_embeddings": True,
            "moe_intermediate_size": 1536,
            "moe_k": 6,
            "moe_num_experts": 64,
            "moe_num_shared_experts": 2,
        },
        taken_for_experts=("gate_proj", "up_proj", "down_proj"),
        naming=Naming(
            shared="shared_experts",
            parts=("gate_proj.weight", "up_proj.weight", "down_proj.weight"),
            renamed=((".mlp.moe_statics.", ".mlp.gate.moe_statics."),),
        ),
        fields="moe_intermediate_size use_bias -attention_bias -attention_dropout",
        field_types={
            "moe_k": "ni",
            "moe_layer_end_index": "ni",
            "moe_layer_interval": "ni",
            "moe_layer_start_index": "ni",
            "moe_norm_min": "nf",
            "moe_num_experts": "ni",
            "moe_num_shared_experts": "ni",
            "output_router_logits": "nb",
            "router_aux_loss_coef": "nf",
        },
        read=_read,
        blocks=_blocks,
    ),
}
