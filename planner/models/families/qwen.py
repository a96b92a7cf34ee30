"""The families `qwen2`, `qwen2_moe`, `qwen3`, `qwen3_moe`."""

from collections.abc import Mapping

from planner.models.shapes.family import Family
from planner.models.shapes.habits import Habits
from planner.models.shapes.naming import Naming

FAMILIES: Mapping[str, Family] = {
    "qwen2": Family(
        nested={
            "hidden_size": 4096,
            "intermediate_size": 22_016,
            "num_hidden_layers": 32,
            "num_attention_heads": 32,
            "num_key_value_heads": 32,
            "vocab_size": 151_936,
            "max_position_embeddings": 32_768,
        },
        bias=True,
        o_bias=False,
        defaults={"use_sliding_window": False},
        fields=("layer_types max_window_layers sliding_window use_sliding_window -attention_bias"),
    ),
    "qwen2_moe": Family(
        bias="qkv_bias",
        o_bias=False,
        experts="num_experts",
        shared_gate=True,
        shared="shared_expert_intermediate_size",
        dense="mlp_only_layers",
        defaults={"use_sliding_window": False, "qkv_bias": True},
        habits=Habits(windowed=False),
        naming=Naming(parts=("gate_proj.weight", "up_proj.weight", "down_proj.weight")),
        fields=(
            "decoder_sparse_step layer_types max_window_layers mlp_only_layers "
            "moe_intermediate_size norm_topk_prob num_experts num_experts_per_tok "
            "output_router_logits qkv_bias router_aux_loss_coef "
            "shared_expert_intermediate_size sliding_window use_sliding_window "
            "-attention_bias"
        ),
    ),
    "qwen3": Family(
        nested={
            "hidden_size": 4096,
            "intermediate_size": 22_016,
            "num_hidden_layers": 32,
            "num_attention_heads": 32,
            "num_key_value_heads": 32,
            "vocab_size": 151_936,
            "max_position_embeddings": 32_768,
        },
        qk_norm=True,
        defaults={"use_sliding_window": False, "head_dim": 128},
        fields="head_dim layer_types max_window_layers sliding_window use_sliding_window",
        field_types={"head_dim": "i"},
    ),
    "qwen3_moe": Family(
        qk_norm=True,
        experts="num_experts",
        dense="mlp_only_layers",
        defaults={"use_sliding_window": False},
        taken_for_experts=("gate_proj", "up_proj", "down_proj"),
        naming=Naming(parts=("gate_proj.weight", "up_proj.weight", "down_proj.weight")),
        fields=(
            "decoder_sparse_step mlp_only_layers moe_intermediate_size norm_topk_prob "
            "num_experts_per_tok output_router_logits router_aux_loss_coef sliding_window "
            "use_sliding_window"
        ),
        field_types={"num_key_value_heads": "i"},
    ),
}
