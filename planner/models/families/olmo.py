"""The families `olmo`, `olmo2`, `olmo3`, `olmoe`."""

from collections.abc import Mapping

from planner.models.shapes.family import Family
from planner.models.shapes.habits import Habits
from planner.models.shapes.naming import Naming

FAMILIES: Mapping[str, Family] = {
    "olmo": Family(
        own_layer_norm=True,
        norm_vectors=0,
        habits=Habits(norm_casts=True),
        fields="clip_qkv -rms_norm_eps",
    ),
    "olmo2": Family(
        qk_norm=True,
        qk_width="all",
        naming=Naming(norms=("post_attention_layernorm", "post_feedforward_layernorm")),
        habits=Habits(scale_bytes=4, post_norm=True),
    ),
    "olmo3": Family(
        qk_norm=True,
        qk_width="all",
        sliding_every=4,
        naming=Naming(norms=("post_attention_layernorm", "post_feedforward_layernorm")),
        habits=Habits(scale_bytes=4, post_norm=True),
        fields="layer_types sliding_window",
    ),
    "olmoe": Family(
        classifier=False,
        qk_norm=True,
        qk_width="all",
        experts="num_experts",
        moe_width="intermediate_size",
        taken_for_experts=("gate_proj", "up_proj", "down_proj"),
        habits=Habits(windowed=False),
        naming=Naming(parts=("gate_proj.weight", "up_proj.weight", "down_proj.weight")),
        fields=(
            "clip_qkv norm_topk_prob num_experts num_experts_per_tok output_router_logits "
            "router_aux_loss_coef"
        ),
    ),
}
