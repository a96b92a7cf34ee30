"""The families `mistral`, `ministral`, `ministral3`, `mixtral`."""

from collections.abc import Mapping

from planner.models.shapes.family import Family
from planner.models.shapes.habits import Habits
from planner.models.shapes.naming import Naming

FAMILIES: Mapping[str, Family] = {
    "mistral": Family(
        nested={
            "hidden_size": 4096,
            "intermediate_size": 14_336,
            "num_hidden_layers": 32,
            "num_attention_heads": 32,
            "num_key_value_heads": 8,
            "vocab_size": 32_000,
            "max_position_embeddings": 131_072,
        },
        bias=False,
        o_bias=False,
        defaults={"sliding_window": 4096},
        fields="head_dim sliding_window -attention_bias",
        field_types={"num_key_value_heads": "i"},
    ),
    "ministral": Family(
        bias=False,
        o_bias=False,
        fields="head_dim layer_types sliding_window -attention_bias",
        field_types={"num_key_value_heads": "i"},
    ),
    "ministral3": Family(
        bias=False,
        o_bias=False,
        fields="head_dim sliding_window -attention_bias",
        field_types={"head_dim": "i", "num_key_value_heads": "i"},
    ),
    "mixtral": Family(
        bias=False,
        o_bias=False,
        experts="num_local_experts",
        moe_width="intermediate_size",
        naming=Naming(
            parts=("w1.weight", "w3.weight", "w2.weight"),
            renamed=((".block_sparse_moe.", ".mlp."),),
        ),
        habits=Habits(weighs_in_float=True),
        fields=(
            "head_dim num_experts_per_tok num_local_experts output_router_logits "
            "router_aux_loss_coef router_jitter_noise sliding_window -attention_bias"
        ),
        field_types={"num_key_value_heads": "i"},
    ),
}
