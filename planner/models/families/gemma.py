"""The families `gemma`, `gemma2`, `gemma3_text`."""

from collections.abc import Mapping

from planner.models.shapes.family import Family
from planner.models.shapes.habits import Habits
from planner.models.shapes.naming import Naming

FAMILIES: Mapping[str, Family] = {
    "gemma": Family(
        defaults={"tie_word_embeddings": True, "head_dim": 256, "max_position_embeddings": 8192},
        habits=Habits(scale_bytes=4),
        fields="head_dim use_bidirectional_attention",
        field_types={"head_dim": "i", "num_key_value_heads": "i"},
    ),
    "gemma2": Family(
        norms=4,
        sliding_every=2,
        soft_cap=True,
        defaults={
            "tie_word_embeddings": True,
            "head_dim": 256,
            "max_position_embeddings": 8192,
            "sliding_window": 4096,
        },
        naming=Naming(
            norms=(
                "input_layernorm",
                "post_attention_layernorm",
                "pre_feedforward_layernorm",
                "post_feedforward_layernorm",
            )
        ),
        habits=Habits(scale_bytes=4, post_norm=True, score_bytes=8, written_bytes=12),
        fields=(
            "attn_logit_softcapping final_logit_softcapping head_dim hidden_activation "
            "layer_types query_pre_attn_scalar sliding_window use_bidirectional_attention "
            "-hidden_act"
        ),
        field_types={"attention_dropout": "nfi", "head_dim": "i", "num_key_value_heads": "i"},
    ),
    "gemma3_text": Family(
        norms=4,
        qk_norm=True,
        sliding_every=6,
        defaults={
            "tie_word_embeddings": True,
            "head_dim": 256,
            "num_attention_heads": 8,
            "num_key_value_heads": 4,
            "vocab_size": 262_208,
            "max_position_embeddings": 131_072,
            "sliding_window": 4096,
        },
        naming=Naming(
            norms=(
                "input_layernorm",
                "post_attention_layernorm",
                "pre_feedforward_layernorm",
                "post_feedforward_layernorm",
            )
        ),
        habits=Habits(scale_bytes=4, post_norm=True),
        fields=(
            "attn_logit_softcapping final_logit_softcapping head_dim hidden_activation "
            "layer_types query_pre_attn_scalar sliding_window use_bidirectional_attention "
            "-hidden_act"
        ),
        field_types={"attention_dropout": "nfi", "head_dim": "i", "num_key_value_heads": "i"},
    ),
}
