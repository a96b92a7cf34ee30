"""The families `glm`, `glm4`, `glm4_moe`."""

from collections.abc import Mapping

from planner.models.shapes.family import Family
from planner.models.shapes.habits import Habits
from planner.models.shapes.naming import LinearNames, Naming

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
        o_bias=False,
        qk_norm="use_qk_norm",
        experts="n_routed_experts",
        shared="n_shared_experts",
        dense="first_k_dense_replace",
        defaults={"n_shared_experts": 1, "first_k_dense_replace": 1},
        taken_for_experts=("gate_proj", "up_proj", "down_proj"),
        naming=Naming(
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
}
