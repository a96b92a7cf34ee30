"""The families `opt`."""

from collections.abc import Mapping

from planner.models.shapes.family import Family
from planner.models.shapes.habits import Habits
from planner.models.shapes.naming import LinearNames, Naming

FAMILIES: Mapping[str, Family] = {
    "opt": Family(
        bias="enable_bias",
        o_bias="enable_bias",
        mlp_bias="enable_bias",
        gated_mlp=False,
        norm_vectors=2,
        positions=2,
        defaults={"tie_word_embeddings": True, "enable_bias": True},
        four_times=True,
        rotary=False,
        linears=LinearNames(output="out_proj", up="fc1", down="fc2"),
        naming=Naming(
            stem="decoder",
            positions="embed_positions",
            mlp="",
            norms=("self_attn_layer_norm", "final_layer_norm"),
            final="final_layer_norm",
        ),
        habits=Habits(keeps_product=True, dropouts=2, packs=False),
        fields=(
            "activation_function do_layer_norm_before dropout enable_bias ffn_dim init_std "
            "layer_norm_elementwise_affine layerdrop word_embed_proj_dim -attention_bias "
            "-hidden_act -initializer_range -intermediate_size -num_key_value_heads "
            "-rms_norm_eps"
        ),
    ),
}
