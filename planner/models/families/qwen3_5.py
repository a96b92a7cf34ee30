"""The families `qwen3_5_moe_text`, `qwen3_5_text`, `qwen3_next`: Qwen3-Next, Qwen3.5 and later."""

from collections.abc import Mapping
from functools import partial

from planner.models.shapes.family import Family
from planner.models.shapes.gated_delta import DEFAULTS, FIELDS, OWN, blocks, read
from planner.models.shapes.habits import Habits
from planner.models.shapes.naming import Naming

_HABITS = Habits(scale_bytes=4, gates_output=True, packs=False)
_MIXTURE = Naming(parts=("gate_proj.weight", "up_proj.weight", "down_proj.weight"))
_ROUTED = (
    "moe_intermediate_size num_experts num_experts_per_tok output_router_logits "
    "router_aux_loss_coef shared_expert_intermediate_size"
)

FAMILIES: Mapping[str, Family] = {
    "qwen3_5_moe_text": Family(
        classifier=False,
        qk_norm=True,
        experts="num_experts",
        shared="shared_expert_intermediate_size",
        shared_gate=True,
        defaults={**DEFAULTS, "intermediate_size": 1},
        naming=_MIXTURE,
        habits=_HABITS,
        fields=f"{FIELDS} {_ROUTED} -intermediate_size",
        field_types={"head_dim": "i", "num_key_value_heads": "i"},
        read=read,
        own=OWN,
        blocks=blocks,
    ),
    "qwen3_5_text": Family(
        qk_norm=True,
        defaults=DEFAULTS,
        habits=_HABITS,
        fields=FIELDS,
        field_types={"head_dim": "i", "num_key_value_heads": "i"},
        read=read,
        own=OWN,
        blocks=blocks,
    ),
    "qwen3_next": Family(
        qk_norm=True,
        experts="num_experts",
        shared="shared_expert_intermediate_size",
        shared_gate=True,
        dense="mlp_only_layers",
        defaults=DEFAULTS,
        taken_for_experts=("gate_proj", "up_proj", "down_proj"),
        naming=_MIXTURE,
        habits=_HABITS,
        fields=f"{FIELDS} {_ROUTED} decoder_sparse_step mlp_only_layers norm_topk_prob",
        field_types={"head_dim": "i", "num_key_value_heads": "i"},
        read=read,
        own=OWN,
        blocks=partial(blocks, fused=True),
    ),
}
