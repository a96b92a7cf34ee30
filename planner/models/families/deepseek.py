"""The families `deepseek_v2`, `deepseek_v3`, `deepseek_v32`, whose attention is latent."""

from collections.abc import Mapping
from functools import partial

from planner.models.shapes import latent, sparse_latent
from planner.models.shapes.family import Family
from planner.models.shapes.habits import Habits
from planner.models.shapes.naming import Naming

_NAMING = Naming(
    shared="shared_experts",
    parts=("gate_proj.weight", "up_proj.weight", "down_proj.weight"),
)

FAMILIES: Mapping[str, Family] = {
    "deepseek_v2": Family(
        mlp_bias="mlp_bias",
        experts="n_routed_experts",
        shared="n_shared_experts",
        dense="first_k_dense_replace",
        defaults={
            "kv_lora_rank": 512,
            "moe_intermediate_size": 1407,
            "n_routed_experts": 64,
            "n_shared_experts": 2,
            "q_lora_rank": 1536,
            "qk_nope_head_dim": 128,
            "qk_rope_head_dim": 64,
            "v_head_dim": 128,
        },
        taken_for_experts=("gate_proj", "up_proj", "down_proj"),
        naming=_NAMING,
        habits=Habits(weighs_in_float=True),
        fields=(
            "first_k_dense_replace head_dim mlp_bias moe_intermediate_size n_routed_experts "
            "n_shared_experts output_router_logits routed_scaling_factor"
        ),
        field_types={
            **latent.FIELD_TYPES,
            "attention_dropout": "nf",
            "n_group": "ni",
            "norm_topk_prob": "nb",
            "num_experts_per_tok": "ni",
            "pretraining_tp": "ni",
            "topk_group": "ni",
            "topk_method": "ns",
        },
        read=latent.read,
        own=latent.OWN,
        blocks=partial(latent.blocks, corrected=False, complex_rotary=True),
    ),
    "deepseek_v3": Family(
        experts="n_routed_experts",
        shared="n_shared_experts",
        dense="first_k_dense_replace",
        defaults={
            "first_k_dense_replace": 3,
            "kv_lora_rank": 512,
            "moe_intermediate_size": 2048,
            "n_routed_experts": 256,
            "n_shared_experts": 1,
            "num_experts_per_tok": 8,
            "q_lora_rank": 1536,
            "qk_nope_head_dim": 128,
            "qk_rope_head_dim": 64,
            "v_head_dim": 128,
        },
        taken_for_experts=("gate_proj", "up_proj", "down_proj"),
        naming=_NAMING,
        fields=(
            "moe_intermediate_size n_routed_experts n_shared_experts output_router_logits "
            "routed_scaling_factor"
        ),
        field_types={
            **latent.FIELD_TYPES,
            "attention_dropout": "nfi",
            "first_k_dense_replace": "ni",
            "n_group": "ni",
            "norm_topk_prob": "nb",
            "num_experts_per_tok": "ni",
            "num_mtp_layers": "i",
            "pretraining_tp": "ni",
            "rope_interleave": "nb",
            "topk_group": "ni",
            "v_head_dim": "ni",
        },
        read=latent.read,
        own=latent.OWN,
        blocks=latent.blocks,
    ),
    "deepseek_v32": Family(
        classifier=False,
        experts="n_routed_experts",
        shared="n_shared_experts",
        defaults={
            "index_head_dim": 128,
            "index_n_heads": 64,
            "index_topk": 2048,
            "kv_lora_rank": 512,
            "moe_intermediate_size": 2048,
            "n_routed_experts": 256,
            "n_shared_experts": 1,
            "num_experts_per_tok": 8,
            "q_lora_rank": 1536,
            "qk_nope_head_dim": 128,
            "qk_rope_head_dim": 64,
            "v_head_dim": 128,
        },
        taken_for_experts=("gate_proj", "up_proj", "down_proj"),
        naming=_NAMING,
        fields=(
            "first_k_dense_replace layer_types mlp_bias moe_intermediate_size n_group "
            "n_routed_experts n_shared_experts norm_topk_prob num_experts_per_tok "
            "output_router_logits routed_scaling_factor topk_group"
        ),
        field_types=sparse_latent.FIELD_TYPES,
        read=sparse_latent.read,
        own=sparse_latent.OWN,
        blocks=sparse_latent.blocks,
    ),
}
