"""The families `granite`, `granitemoe`."""

from collections.abc import Mapping

from planner.models.shapes.family import Family
from planner.models.shapes.naming import Naming

FAMILIES: Mapping[str, Family] = {
    "granite": Family(
        classifier=False,
        mlp_bias="mlp_bias",
        fields=(
            "attention_multiplier embedding_multiplier logits_scaling mlp_bias residual_multiplier"
        ),
    ),
    "granitemoe": Family(
        classifier=False,
        experts="num_local_experts",
        moe_width="intermediate_size",
        naming=Naming(
            router="router.weight",
            mixture="block_sparse_moe",
            renamed=(
                (".block_sparse_moe.input_linear.weight", ".block_sparse_moe.experts.gate_up_proj"),
                (".block_sparse_moe.output_linear.weight", ".block_sparse_moe.experts.down_proj"),
                (".block_sparse_moe.router.layer.weight", ".block_sparse_moe.router.weight"),
            ),
        ),
        fields=(
            "attention_multiplier embedding_multiplier logits_scaling num_experts_per_tok "
            "num_local_experts output_router_logits residual_multiplier "
            "router_aux_loss_coef"
        ),
        field_types={
            "attention_dropout": "nfi",
            "attention_multiplier": "nfi",
            "embedding_multiplier": "nfi",
            "logits_scaling": "nfi",
            "num_experts_per_tok": "ni",
            "num_local_experts": "ni",
            "output_router_logits": "nb",
            "residual_multiplier": "nfi",
            "router_aux_loss_coef": "nf",
        },
    ),
}
