"""Llama, and families that differ from it in few points."""

from collections.abc import Mapping

from planner.models.shapes.family import Family
from planner.models.shapes.habits import Habits
from planner.models.shapes.naming import Naming

FAMILIES: Mapping[str, Family] = {
    "llama": Family(
        nested={
            "hidden_size": 4096,
            "intermediate_size": 11_008,
            "num_hidden_layers": 32,
            "num_attention_heads": 32,
            "vocab_size": 32_000,
            "max_position_embeddings": 2048,
        },
        mlp_bias="mlp_bias",
        fields="head_dim mlp_bias pretraining_tp",
        field_types={"attention_dropout": "nfi", "pretraining_tp": "ni"},
    ),
    "arcee": Family(
        habits=Habits(autocast_bytes=6, power_bytes=16, quantized_bytes=4, float_product=True),
        gated_mlp=False,
        mlp_bias="mlp_bias",
        fields="head_dim mlp_bias",
    ),
    "apertus": Family(
        classifier=False,
        qk_norm=True,
        habits=Habits(
            product_tensors=4,
            autocast_bytes=11,
            power_bytes=16,
            trained_bytes=4,
            quantized_bytes=13,
            float_product=True,
        ),
        gated_mlp=False,
        activation_parameters=2,
        naming=Naming(
            norms=("attention_layernorm", "feedforward_layernorm"),
            constants={
                "mlp.act_fn.alpha_p": (1,),
                "mlp.act_fn.alpha_n": (1,),
                "mlp.act_fn.beta": (),
                "mlp.act_fn.eps": (),
            },
        ),
    ),
    "ernie4_5": Family(
        classifier=False,
        bias="use_bias",
        o_bias="use_bias",
        mlp_bias="use_bias",
        defaults={"tie_word_embeddings": True, "head_dim": 128},
        fields="head_dim use_bias -attention_bias -attention_dropout",
        field_types={"use_cache": "nb"},
    ),
    "exaone4": Family(
        bias=False,
        o_bias=False,
        qk_norm=True,
        sliding_every=4,
        defaults={"sliding_window": 4096},
        naming=Naming(norms=("post_attention_layernorm", "post_feedforward_layernorm")),
        fields="layer_types sliding_window sliding_window_pattern -attention_bias",
        field_types={"num_key_value_heads": "i"},
    ),
    "hunyuan_v1_dense": Family(
        qk_norm=True,
        naming=Naming(qk_norms=("query_layernorm", "key_layernorm")),
        fields="eod_token_id head_dim pretraining_tp",
    ),
    "nemotron": Family(
        own_layer_norm=True,
        mlp_bias="mlp_bias",
        gated_mlp=False,
        norm_vectors=2,
        habits=Habits(
            copied_output=True, autocast_bytes=6, power_bytes=16, float_product=True, bounded=False
        ),
        fields="head_dim mlp_bias norm_eps -rms_norm_eps",
    ),
    "seed_oss": Family(
        o_bias="attention_out_bias",
        mlp_bias="mlp_bias",
        defaults={"attention_bias": True, "attention_dropout": 0.1, "head_dim": 128},
        habits=Habits(bounded=False, dropouts=2),
        fields="attention_out_bias head_dim mlp_bias pretraining_tp residual_dropout",
    ),
    "smollm3": Family(
        mlp_bias="mlp_bias",
        defaults={"tie_word_embeddings": True, "use_sliding_window": False},
        fields=(
            "layer_types mlp_bias no_rope_layer_interval no_rope_layers sliding_window "
            "use_sliding_window"
        ),
    ),
    "stablelm": Family(
        bias="use_qkv_bias",
        o_bias=False,
        norm_vectors=2,
        qk_norm="qk_layernorm",
        qk_width="all",
        naming=Naming(qk_norms=("q_layernorm", "k_layernorm"), qk_heads="listed"),
        habits=Habits(copied_output=True, bounded=False),
        fields=(
            "hidden_dropout layer_norm_eps qk_layernorm use_parallel_residual use_qkv_bias "
            "-attention_bias -rms_norm_eps"
        ),
        field_types={"num_key_value_heads": "i"},
    ),
}
