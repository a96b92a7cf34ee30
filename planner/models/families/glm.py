"""The families `glm`, `glm4`, `glm4_moe`, `glm4_moe_lite`, `glm_moe_dsa`."""

from collections.abc import Mapping
from typing import Any

from planner.models.shapes import latent, sparse_latent
from planner.models.shapes.config_json import BETWEEN, ConfigJson
from planner.models.shapes.family import Family
from planner.models.shapes.habits import Habits
from planner.models.shapes.naming import LinearNames, Naming


def _read_lite(found: ConfigJson) -> dict[str, Any]:
    """Return the fields of `glm4_moe_lite`, whose leading layers are dense, one by default."""
    read, layers = latent.read(found), found.integer("num_hidden_layers")
    if found.values.get("mlp_layer_types") is None:
        return read | {"dense_layers": 1}
    kinds = found.texts("mlp_layer_types", ("dense", "sparse"), layers)
    dense = kinds.count("dense")
    if "sparse" in kinds[:dense]:
        raise found.unsupported(BETWEEN)
    return read | {"dense_layers": dense}


FAMILIES: Mapping[str, Family] = {
    "glm": Family(
        o_bias=False,
        defaults={"attention_bias": True, "head_dim": 128},
        linears=LinearNames(gate="gate_up_proj", up="gate_up_proj"),
        habits=Habits(copied_output=True),
        fields="head_dim",
        field_types={"attention_dropout": "nfi"},
    ),
    "glm4": Family(
        o_bias=False,
        norms=4,
        defaults={"attention_bias": True, "head_dim": 128},
        linears=LinearNames(gate="gate_up_proj", up="gate_up_proj"),
        naming=Naming(
            norms=(
                "input_layernorm",
                "post_attention_layernorm",
                "post_self_attn_layernorm",
                "post_mlp_layernorm",
            ),
        ),
        habits=Habits(post_norm=True, copied_output=True),
        fields="head_dim",
        field_types={"head_dim": "i", "num_key_value_heads": "i"},
    ),
    "glm4_moe": Family(
        classifier=False,
        o_bias=False,
        qk_norm="use_qk_norm",
        experts="n_routed_experts",
        shared="n_shared_experts",
        dense="first_k_dense_replace",
        defaults={"n_shared_experts": 1, "first_k_dense_replace": 1},
        taken_for_experts=("gate_proj", "up_proj", "down_proj"),
        naming=Naming(
            correction="gate.e_score_correction_bias",
            shared="shared_experts",
            parts=("gate_proj.weight", "up_proj.weight", "down_proj.weight"),
        ),
        habits=Habits(weighs_in_float=True, copied_output=True),
        fields=(
            "first_k_dense_replace moe_intermediate_size n_group n_routed_experts "
            "n_shared_experts norm_topk_prob num_experts_per_tok output_router_logits "
            "routed_scaling_factor topk_group use_qk_norm"
        ),
        field_types={"num_key_value_heads": "i", "use_qk_norm": "b"},
    ),
    "glm4_moe_lite": Family(
        classifier=False,
        experts="n_routed_experts",
        shared="n_shared_experts",
        defaults={
            "kv_lora_rank": 512,
            "moe_intermediate_size": 1536,
            "n_routed_experts": 64,
            "n_shared_experts": 1,
            "num_experts_per_tok": 4,
            "q_lora_rank": 768,
            "qk_nope_head_dim": 192,
            "qk_rope_head_dim": 64,
            "v_head_dim": 256,
        },
        taken_for_experts=("gate_proj", "up_proj", "down_proj"),
        naming=Naming(
            shared="shared_experts",
            parts=("gate_proj.weight", "up_proj.weight", "down_proj.weight"),
        ),
        fields=(
            "moe_intermediate_size n_group n_routed_experts n_shared_experts norm_topk_prob "
            "num_experts_per_tok output_router_logits pretraining_tp routed_scaling_factor "
            "topk_group"
        ),
        field_types={
            **latent.FIELD_TYPES,
            "mlp_layer_types": "nl",
            "num_key_value_heads": "i",
            "rope_interleave": "b",
        },
        read=_read_lite,
        own=latent.OWN,
        blocks=latent.blocks,
    ),
    "glm_moe_dsa": Family(
        classifier=False,
        experts="n_routed_experts",
        shared="n_shared_experts",
        defaults={
            "index_head_dim": 128,
            "index_n_heads": 32,
            "index_topk": 2048,
            "kv_lora_rank": 512,
            "moe_intermediate_size": 2048,
            "n_routed_experts": 256,
            "n_shared_experts": 1,
            "num_experts_per_tok": 8,
            "q_lora_rank": 2048,
            "qk_nope_head_dim": 192,
            "qk_rope_head_dim": 64,
            "v_head_dim": 256,
        },
        taken_for_experts=("gate_proj", "up_proj", "down_proj"),
        naming=Naming(
            shared="shared_experts",
            parts=("gate_proj.weight", "up_proj.weight", "down_proj.weight"),
        ),
        fields=(
            "first_k_dense_replace layer_types mlp_bias moe_intermediate_size n_group "
            "n_routed_experts n_shared_experts norm_topk_prob num_experts_per_tok "
            "output_router_logits routed_scaling_factor topk_group"
        ),
        field_types=sparse_latent.FIELD_TYPES | {"indexer_types": "nl"},
        read=sparse_latent.read_shared,
        own={**sparse_latent.OWN, "indexers": "fs"},
        blocks=sparse_latent.blocks,
    ),
}
