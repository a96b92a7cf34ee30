"""The families `bloom`."""

from collections.abc import Mapping

from planner.models.shapes.family import Family
from planner.models.shapes.habits import Habits
from planner.models.shapes.naming import Naming, fused

FAMILIES: Mapping[str, Family] = {
    "bloom": Family(
        bias=True,
        o_bias=True,
        mlp_bias=True,
        gated_mlp=False,
        norm_vectors=2,
        embedding_norm=True,
        defaults={"tie_word_embeddings": True, "seq_length": 2048},
        four_times=True,
        rotary=False,
        padding_row=False,
        linears=fused("query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"),
        naming=Naming(
            "transformer",
            embedding="word_embeddings",
            embedding_norm="word_embeddings_layernorm",
            layers="h",
            attention="self_attention",
            final="ln_f",
        ),
        habits=Habits(score_bytes=6, packs=False),
        fields=(
            "apply_residual_connection_post_layernorm hidden_dropout layer_norm_epsilon "
            "pretraining_tp slow_but_exact -attention_bias -hidden_act -intermediate_size "
            "-max_position_embeddings -num_key_value_heads -rms_norm_eps"
        ),
    ),
}
