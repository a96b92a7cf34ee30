"""The families `hunyuan_v1_moe`."""

from collections.abc import Mapping

from planner.models.shapes.family import Family
from planner.models.shapes.naming import Naming

FAMILIES: Mapping[str, Family] = {
    "hunyuan_v1_moe": Family(
        qk_norm=True,
        experts="num_experts",
        moe_width="intermediate_size",
        shared="intermediate_size",
        unquantized=("gate.wg",),
        taken_for_experts=("gate_proj", "up_proj", "down_proj"),
        naming=Naming(
            qk_norms=("query_layernorm", "key_layernorm"),
            router="gate.wg.weight",
            shared="shared_mlp",
            parts=("gate_proj.weight", "up_proj.weight", "down_proj.weight"),
        ),
        fields="eod_token_id head_dim num_experts output_router_logits pretraining_tp",
        field_types={"moe_topk": "il", "sep_token_id": "ni"},
        listed=("moe_topk",),
    ),
}
