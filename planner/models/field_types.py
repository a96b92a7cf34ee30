"""The types of values that the configuration classes of transformers accept, by family.

Those classes check the type of every field of their own when a model is loaded. Each letter
is one type of JSON: `n` null, `b` true or false, `i` an integer, `f` a number with a fraction, `s`
a text, `l` a list, `t` a table. A test compares the tables with the classes.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from planner.models.families import FAMILIES

_NAMES = {
    "n": "null", "b": "true or false", "i": "an integer", "f": "a number such as 0.5",
    "s": "a text", "l": "a list", "t": "a table",
}  # fmt: skip
_BY_TYPES: Mapping[str, str] = {
    "b": (
        "add_cross_attention apply_residual_connection_post_layernorm attention_bias "
        "attention_out_bias attention_softmax_in_fp32 do_layer_norm_before enable_bias is_decoder "
        "layer_norm_elementwise_affine lm_head_bias mlp_bias norm_topk_prob output_router_logits "
        "qk_layernorm qkv_bias reorder_and_upcast_attn scale_attention_softmax_in_fp32 "
        "scale_attn_by_inverse_layer_idx scale_attn_weights slow_but_exact summary_proj_to_labels "
        "summary_use_proj tie_word_embeddings use_cache use_parallel_residual use_qkv_bias "
        "use_sliding_window"
    ),
    "f": (
        "init_std initializer_range input_jitter_noise layer_norm_eps layer_norm_epsilon norm_eps "
        "norm_epsilon rms_norm_eps routed_scaling_factor router_aux_loss_coef router_jitter_noise "
        "swiglu_alpha swiglu_limit"
    ),
    "fi": (
        "attention_dropout attention_multiplier attn_pdrop classifier_dropout dropout embd_pdrop "
        "embedding_dropout embedding_multiplier hidden_dropout layerdrop logits_scaling "
        "resid_pdrop residual_dropout residual_multiplier summary_first_dropout"
    ),
    "i": (
        "decoder_sparse_step ffn_dim first_k_dense_replace intermediate_size "
        "max_position_embeddings max_window_layers moe_intermediate_size n_group n_positions "
        "n_routed_experts n_shared_experts no_rope_layer_interval num_experts num_experts_per_tok "
        "num_local_experts original_max_position_embeddings pretraining_tp query_pre_attn_scalar "
        "rotary_dim shared_expert_intermediate_size topk_group "
        "linear_conv_kernel_dim linear_key_head_dim linear_num_key_heads linear_num_value_heads "
        "linear_value_head_dim"
    ),
    "nb": (
        "alibi bias multi_query new_decoder_architecture parallel_attn use_bias "
        "use_bidirectional_attention use_qk_norm"
    ),
    "nf": "attn_logit_softcapping clip_qkv final_logit_softcapping logit_scale",
    "ni": (
        "bos_token_id eod_token_id ffn_hidden_size head_dim n_inner num_key_value_heads "
        "num_kv_heads num_ln_in_parallel_attn pad_token_id sliding_window word_embed_proj_dim"
    ),
    "nl": "layer_types mlp_only_layers no_rope_layers",
    "ns": "activation summary_activation",
    "nsi": "sliding_window_pattern",
    "s": "activation_function hidden_act hidden_activation summary_type",
}  # fmt: skip
"""The fields of most classes that have them, by the types that they take."""
_USUAL = (
    "attention_bias attention_dropout bos_token_id hidden_act initializer_range intermediate_size "
    "max_position_embeddings num_key_value_heads pad_token_id rms_norm_eps tie_word_embeddings "
    "use_cache"
)
"""Fields of most classes."""
_TYPES = {field: types for types, fields in _BY_TYPES.items() for field in fields.split()}


def of_family(family: str) -> Mapping[str, str]:
    """Return the types that each field of a family's class takes; empty for an unknown family."""
    if family not in FAMILIES:
        return {}
    own = FAMILIES[family].fields.split()
    usual = (field for field in _USUAL.split() if f"-{field}" not in own)
    named = (*usual, *(field for field in own if field[0] != "-"))
    return {field: _TYPES[field] for field in named} | dict(FAMILIES[family].field_types)


def wrong_types(values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each field of a `config.json` whose type its class refuses, and what it must be."""
    family = values.get("model_type")
    for field, types in of_family(family if isinstance(family, str) else "").items():
        if field in values and _letter(values[field]) not in types:
            yield field, " or ".join(_NAMES[one] for one in types)


def _letter(value: Any) -> str:
    if value is None:
        return "n"
    if isinstance(value, bool):
        return "b"
    kinds = (("i", int), ("f", float), ("s", str), ("l", list))
    return next((letter for letter, kind in kinds if isinstance(value, kind)), "t")
