"""The families `phi`, `phi3`, `phimoe`."""

from collections.abc import Mapping

from planner.models.shapes.family import Family
from planner.models.shapes.habits import Habits
from planner.models.shapes.naming import LinearNames, Naming, fused

FAMILIES: Mapping[str, Family] = {
    "phi": Family(
        bias=True,
        o_bias=True,
        mlp_bias=True,
        head_bias=True,
        gated_mlp=False,
        norms=1,
        norm_vectors=2,
        qk_norm="qk_layernorm",
        qk_vectors=2,
        linears=LinearNames(output="dense", up="fc1", down="fc2"),
        naming=Naming(
            norms=("input_layernorm",),
            final="final_layernorm",
            qk_norms=("q_layernorm", "k_layernorm"),
        ),
        habits=Habits(product_tensors=4, autocast_bytes=14, copied_output=True),
        fields=("embd_pdrop layer_norm_eps qk_layernorm resid_pdrop -attention_bias -rms_norm_eps"),
        field_types={"attention_dropout": "nfi"},
    ),
    "phi3": Family(
        bias=False,
        o_bias=False,
        linears=fused("qkv_proj", "o_proj", "gate_up_proj", "down_proj"),
        habits=Habits(fused_rotary=True, copied_output=True),
        fields=(
            "embd_pdrop original_max_position_embeddings resid_pdrop sliding_window -attention_bias"
        ),
    ),
    "phimoe": Family(
        head_bias="lm_head_bias",
        habits=Habits(bounded=False),
        norm_vectors=2,
        experts="num_local_experts",
        moe_width="intermediate_size",
        naming=Naming(
            router="router.weight",
            parts=("w1.weight", "w3.weight", "w2.weight"),
            renamed=((".block_sparse_moe.", ".mlp."), (".gate.weight", ".router.weight")),
        ),
        fields=(
            "input_jitter_noise lm_head_bias num_experts_per_tok num_local_experts "
            "output_router_logits router_aux_loss_coef router_jitter_noise sliding_window"
        ),
        field_types={"num_key_value_heads": "i"},
    ),
}
