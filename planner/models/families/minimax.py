"""The families `minimax_m2`."""

from collections.abc import Mapping

from planner.models.shapes.family import Family
from planner.models.shapes.habits import Habits
from planner.models.shapes.naming import Naming

FAMILIES: Mapping[str, Family] = {
    "minimax_m2": Family(
        classifier=False,
        bias=False,
        o_bias=False,
        qk_norm=True,
        qk_width="all",
        experts="num_local_experts",
        moe_width="intermediate_size",
        defaults={"head_dim": 128, "num_local_experts": 256, "num_experts_per_tok": 8},
        naming=Naming(
            correction="e_score_correction_bias",
            parts=("w1.weight", "w3.weight", "w2.weight"),
            renamed=((".block_sparse_moe.", ".mlp."),),
        ),
        habits=Habits(weighs_in_float=True, copied_output=True),
        fields=(
            "num_experts_per_tok num_local_experts output_router_logits router_aux_loss_coef "
            "router_jitter_noise -attention_bias"
        ),
        field_types={"head_dim": "i", "num_key_value_heads": "i"},
    ),
}
