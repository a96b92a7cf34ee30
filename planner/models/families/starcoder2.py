"""The families `starcoder2`."""

from collections.abc import Mapping

from planner.models.shapes.family import Family
from planner.models.shapes.naming import LinearNames

FAMILIES: Mapping[str, Family] = {
    "starcoder2": Family(
        bias="use_bias",
        o_bias="use_bias",
        mlp_bias="use_bias",
        gated_mlp=False,
        norm_vectors=2,
        defaults={"tie_word_embeddings": True, "use_bias": True},
        linears=LinearNames(up="c_fc", down="c_proj"),
        fields=(
            "embedding_dropout norm_epsilon residual_dropout sliding_window use_bias "
            "-attention_bias -rms_norm_eps"
        ),
        field_types={"num_key_value_heads": "i", "use_bias": "b"},
    ),
}
