"""The families `cohere`, `cohere2`."""

from collections.abc import Mapping

from planner.models.shapes.family import Family
from planner.models.shapes.habits import Habits
from planner.models.shapes.naming import Naming

FAMILIES: Mapping[str, Family] = {
    "cohere": Family(
        classifier=False,
        norms=1,
        qk_norm="use_qk_norm",
        qk_width="all",
        defaults={"tie_word_embeddings": True},
        naming=Naming(norms=("input_layernorm",), qk_heads="stacked"),
        habits=Habits(norm_bytes=8, scale_bytes=4),
        fields="layer_norm_eps logit_scale use_qk_norm -rms_norm_eps",
        field_types={"attention_dropout": "nfi", "layer_norm_eps": "nf"},
    ),
    "cohere2": Family(
        classifier=False,
        norms=1,
        sliding_every=4,
        defaults={"tie_word_embeddings": True},
        naming=Naming(norms=("input_layernorm",)),
        habits=Habits(norm_bytes=8, scale_bytes=4),
        fields="layer_norm_eps layer_types logit_scale sliding_window -rms_norm_eps",
        field_types={"logit_scale": "f"},
    ),
}
