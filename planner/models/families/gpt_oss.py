"""The families `gpt_oss`."""

from collections.abc import Mapping

from planner.models.shapes.family import Family
from planner.models.shapes.habits import Habits
from planner.models.shapes.naming import Naming

FAMILIES: Mapping[str, Family] = {
    "gpt_oss": Family(
        mlp_bias=True,
        expert_bias=True,
        sinks=True,
        experts="num_local_experts",
        moe_width="intermediate_size",
        sliding_every=2,
        defaults={"attention_bias": True, "head_dim": 64, "sliding_window": 128},
        naming=Naming(router="router.weight", inputs_first=True),
        habits=Habits(
            scale_bytes=4,
            score_bytes=2,
            passing_bytes=10,
            written_bytes=12,
            product_tensors=6,
            packs=False,
        ),
        fields=(
            "head_dim layer_types num_experts_per_tok num_local_experts "
            "output_router_logits router_aux_loss_coef sliding_window swiglu_alpha "
            "swiglu_limit"
        ),
        field_types={"head_dim": "i", "num_key_value_heads": "i"},
    ),
}
