"""The families `falcon`."""

from collections.abc import Mapping

from planner.models.shapes.family import Family
from planner.models.shapes.habits import Habits
from planner.models.shapes.naming import Naming, fused

FAMILIES: Mapping[str, Family] = {
    "falcon": Family(
        bias="bias",
        o_bias="bias",
        mlp_bias="bias",
        gated_mlp=False,
        norm_vectors=2,
        defaults={
            "tie_word_embeddings": True,
            "max_position_embeddings": 2048,
            "multi_query": True,
            "parallel_attn": True,
        },
        four_times=True,
        one_key=True,
        padding_row=False,
        linears=fused("query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"),
        naming=Naming(
            "transformer",
            embedding="word_embeddings",
            layers="h",
            attention="self_attention",
            final="ln_f",
        ),
        habits=Habits(own_linears=True, packs=False),
        fields=(
            "activation alibi bias ffn_hidden_size hidden_dropout layer_norm_epsilon "
            "multi_query new_decoder_architecture num_kv_heads num_ln_in_parallel_attn "
            "parallel_attn -attention_bias -hidden_act -intermediate_size "
            "-num_key_value_heads -rms_norm_eps"
        ),
        field_types={
            "attention_dropout": "nfi",
            "hidden_dropout": "nfi",
            "layer_norm_epsilon": "nf",
        },
    ),
}
