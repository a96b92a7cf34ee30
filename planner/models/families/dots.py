"""The families `dots1`."""

from collections.abc import Mapping

from planner.models.shapes.family import Family
from planner.models.shapes.naming import Naming

FAMILIES: Mapping[str, Family] = {
    "dots1": Family(
        classifier=False,
        qk_norm=True,
        experts="n_routed_experts",
        shared="n_shared_experts",
        dense="first_k_dense_replace",
        taken_for_experts=("gate_proj", "up_proj", "down_proj"),
        naming=Naming(
            correction="gate.e_score_correction_bias",
            shared="shared_experts",
            parts=("gate_proj.weight", "up_proj.weight", "down_proj.weight"),
        ),
        fields=(
            "layer_types moe_intermediate_size output_router_logits routed_scaling_factor "
            "sliding_window"
        ),
        field_types={
            "attention_dropout": "nfi",
            "first_k_dense_replace": "ni",
            "max_window_layers": "ni",
            "n_group": "ni",
            "n_routed_experts": "ni",
            "n_shared_experts": "ni",
            "norm_topk_prob": "nb",
            "num_experts_per_tok": "ni",
            "topk_group": "ni",
        },
    ),
}
