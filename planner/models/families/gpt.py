"""The families `gpt2`, `gpt_bigcode`, `gpt_neox`, `gptj`."""

from collections.abc import Mapping

from planner.models.shapes.family import Family
from planner.models.shapes.habits import Habits
from planner.models.shapes.naming import LinearNames, Naming, fused

FAMILIES: Mapping[str, Family] = {
    "gpt2": Family(
        bias=True,
        o_bias=True,
        mlp_bias=True,
        gated_mlp=False,
        norm_vectors=2,
        positions=0,
        defaults={"tie_word_embeddings": True},
        four_times=True,
        rotary=False,
        padding_row=False,
        linears=fused("c_attn", "attn.c_proj", "c_fc", "mlp.c_proj"),
        naming=Naming(
            "transformer",
            embedding="wte",
            positions="wpe",
            layers="h",
            attention="attn",
            norms=("ln_1", "ln_2"),
            final="ln_f",
            transposed=True,
        ),
        habits=Habits(product_tensors=4, autocast_bytes=14, dropouts=2),
        fields=(
            "activation_function add_cross_attention attn_pdrop embd_pdrop "
            "layer_norm_epsilon n_inner n_positions reorder_and_upcast_attn resid_pdrop "
            "scale_attn_by_inverse_layer_idx scale_attn_weights summary_activation "
            "summary_first_dropout summary_proj_to_labels summary_type summary_use_proj "
            "-attention_bias -attention_dropout -hidden_act -intermediate_size "
            "-max_position_embeddings -num_key_value_heads -rms_norm_eps"
        ),
    ),
    "gpt_bigcode": Family(
        bias=True,
        o_bias=True,
        mlp_bias=True,
        gated_mlp=False,
        norm_vectors=2,
        positions=0,
        defaults={"tie_word_embeddings": True, "multi_query": True},
        four_times=True,
        one_key=True,
        rotary=False,
        padding_row=False,
        linears=fused("c_attn", "attn.c_proj", "c_fc", "mlp.c_proj"),
        naming=Naming(
            "transformer",
            embedding="wte",
            positions="wpe",
            layers="h",
            attention="attn",
            norms=("ln_1", "ln_2"),
            final="ln_f",
        ),
        habits=Habits(masks_positions=True, dropouts=2),
        fields=(
            "activation_function add_cross_attention attention_softmax_in_fp32 attn_pdrop "
            "embd_pdrop layer_norm_epsilon multi_query n_inner n_positions resid_pdrop "
            "scale_attention_softmax_in_fp32 scale_attn_weights -attention_bias "
            "-attention_dropout -hidden_act -intermediate_size -max_position_embeddings "
            "-num_key_value_heads -rms_norm_eps"
        ),
        field_types={"multi_query": "b"},
    ),
    "gpt_neox": Family(
        mlp_bias=True,
        gated_mlp=False,
        norm_vectors=2,
        defaults={"attention_bias": True},
        padding_row=False,
        linears=fused("query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"),
        naming=Naming(
            "gpt_neox",
            embedding="embed_in",
            attention="attention",
            final="final_layer_norm",
            renamed=(("embed_out.", "lm_head."),),
        ),
        habits=Habits(fused_rotary=True, copied_output=True, side_by_side=True),
        fields=(
            "classifier_dropout hidden_dropout is_decoder layer_norm_eps "
            "use_parallel_residual -num_key_value_heads -rms_norm_eps"
        ),
    ),
    "gptj": Family(
        bias=False,
        o_bias=False,
        mlp_bias=True,
        head_bias=True,
        gated_mlp=False,
        norms=1,
        norm_vectors=2,
        four_times=True,
        padding_row=False,
        linears=LinearNames(output="out_proj", up="fc_in", down="fc_out"),
        naming=Naming(
            "transformer",
            embedding="wte",
            layers="h",
            attention="attn",
            norms=("ln_1",),
            final="ln_f",
        ),
        habits=Habits(product_tensors=4, autocast_bytes=14, copied_output=True, score_bytes=6),
        fields=(
            "activation_function attn_pdrop embd_pdrop layer_norm_epsilon n_inner "
            "n_positions resid_pdrop rotary_dim -attention_bias -attention_dropout "
            "-hidden_act -intermediate_size -max_position_embeddings -num_key_value_heads "
            "-rms_norm_eps"
        ),
    ),
}
