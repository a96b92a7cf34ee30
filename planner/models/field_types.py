"""The types of values that the configuration classes of transformers accept, by family.

Those classes check the type of every field of their own when a model is loaded. Each letter
is one type of JSON: `n` null, `b` true or false, `i` an integer, `f` a number with a fraction, `s`
a text, `l` a list, `t` a table. A test compares the tables with the classes.
"""

from collections.abc import Iterator, Mapping
from typing import Any

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
        "rotary_dim shared_expert_intermediate_size topk_group"
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
_FIELDS: Mapping[str, str] = {
    "apertus": "",
    "arcee": "head_dim mlp_bias",
    "bloom": (
        "apply_residual_connection_post_layernorm hidden_dropout layer_norm_epsilon pretraining_tp "
        "slow_but_exact -attention_bias -hidden_act -intermediate_size -max_position_embeddings "
        "-num_key_value_heads -rms_norm_eps"
    ),
    "cohere": "layer_norm_eps logit_scale use_qk_norm -rms_norm_eps",
    "cohere2": "layer_norm_eps layer_types logit_scale sliding_window -rms_norm_eps",
    "ernie4_5": "head_dim use_bias -attention_bias -attention_dropout",
    "exaone4": "layer_types sliding_window sliding_window_pattern -attention_bias",
    "falcon": (
        "activation alibi bias ffn_hidden_size hidden_dropout layer_norm_epsilon multi_query "
        "new_decoder_architecture num_kv_heads num_ln_in_parallel_attn parallel_attn "
        "-attention_bias -hidden_act -intermediate_size -num_key_value_heads -rms_norm_eps"
    ),
    "gemma": "head_dim use_bidirectional_attention",
    "gemma2": (
        "attn_logit_softcapping final_logit_softcapping head_dim hidden_activation layer_types "
        "query_pre_attn_scalar sliding_window use_bidirectional_attention -hidden_act"
    ),
    "gemma3_text": (
        "attn_logit_softcapping final_logit_softcapping head_dim hidden_activation layer_types "
        "query_pre_attn_scalar sliding_window use_bidirectional_attention -hidden_act"
    ),
    "glm": "head_dim",
    "glm4": "head_dim",
    "glm4_moe": (
        "first_k_dense_replace moe_intermediate_size n_group n_routed_experts n_shared_experts "
        "norm_topk_prob num_experts_per_tok output_router_logits routed_scaling_factor topk_group "
        "use_qk_norm"
    ),
    "gpt2": (
        "activation_function add_cross_attention attn_pdrop embd_pdrop layer_norm_epsilon n_inner "
        "n_positions reorder_and_upcast_attn resid_pdrop scale_attn_by_inverse_layer_idx "
        "scale_attn_weights summary_activation summary_first_dropout summary_proj_to_labels "
        "summary_type summary_use_proj -attention_bias -attention_dropout -hidden_act "
        "-intermediate_size -max_position_embeddings -num_key_value_heads -rms_norm_eps"
    ),
    "gpt_bigcode": (
        "activation_function add_cross_attention attention_softmax_in_fp32 attn_pdrop embd_pdrop "
        "layer_norm_epsilon multi_query n_inner n_positions resid_pdrop "
        "scale_attention_softmax_in_fp32 scale_attn_weights -attention_bias -attention_dropout "
        "-hidden_act -intermediate_size -max_position_embeddings -num_key_value_heads "
        "-rms_norm_eps"
    ),
    "gpt_neox": (
        "classifier_dropout hidden_dropout is_decoder layer_norm_eps use_parallel_residual "
        "-num_key_value_heads -rms_norm_eps"
    ),
    "gpt_oss": (
        "head_dim layer_types num_experts_per_tok num_local_experts output_router_logits "
        "router_aux_loss_coef sliding_window swiglu_alpha swiglu_limit"
    ),
    "gptj": (
        "activation_function attn_pdrop embd_pdrop layer_norm_epsilon n_inner n_positions "
        "resid_pdrop rotary_dim -attention_bias -attention_dropout -hidden_act -intermediate_size "
        "-max_position_embeddings -num_key_value_heads -rms_norm_eps"
    ),
    "granite": (
        "attention_multiplier embedding_multiplier logits_scaling mlp_bias residual_multiplier"
    ),
    "granitemoe": (
        "attention_multiplier embedding_multiplier logits_scaling num_experts_per_tok "
        "num_local_experts output_router_logits residual_multiplier router_aux_loss_coef"
    ),
    "hunyuan_v1_dense": "eod_token_id head_dim pretraining_tp",
    "llama": "head_dim mlp_bias pretraining_tp",
    "ministral": "head_dim layer_types sliding_window -attention_bias",
    "ministral3": "head_dim sliding_window -attention_bias",
    "mistral": "head_dim sliding_window -attention_bias",
    "mixtral": (
        "head_dim num_experts_per_tok num_local_experts output_router_logits router_aux_loss_coef "
        "router_jitter_noise sliding_window -attention_bias"
    ),
    "nemotron": "head_dim mlp_bias norm_eps -rms_norm_eps",
    "olmo": "clip_qkv -rms_norm_eps",
    "olmo2": "",
    "olmo3": "layer_types sliding_window",
    "olmoe": (
        "clip_qkv norm_topk_prob num_experts num_experts_per_tok output_router_logits "
        "router_aux_loss_coef"
    ),
    "opt": (
        "activation_function do_layer_norm_before dropout enable_bias ffn_dim init_std "
        "layer_norm_elementwise_affine layerdrop word_embed_proj_dim -attention_bias -hidden_act "
        "-initializer_range -intermediate_size -num_key_value_heads -rms_norm_eps"
    ),
    "phi": "embd_pdrop layer_norm_eps qk_layernorm resid_pdrop -attention_bias -rms_norm_eps",
    "phi3": (
        "embd_pdrop original_max_position_embeddings resid_pdrop sliding_window -attention_bias"
    ),
    "phimoe": (
        "input_jitter_noise lm_head_bias num_experts_per_tok num_local_experts "
        "output_router_logits router_aux_loss_coef router_jitter_noise sliding_window"
    ),
    "qwen2": "layer_types max_window_layers sliding_window use_sliding_window -attention_bias",
    "qwen2_moe": (
        "decoder_sparse_step layer_types max_window_layers mlp_only_layers moe_intermediate_size "
        "norm_topk_prob num_experts num_experts_per_tok output_router_logits qkv_bias "
        "router_aux_loss_coef shared_expert_intermediate_size sliding_window use_sliding_window "
        "-attention_bias"
    ),
    "qwen3": "head_dim layer_types max_window_layers sliding_window use_sliding_window",
    "qwen3_moe": (
        "decoder_sparse_step mlp_only_layers moe_intermediate_size norm_topk_prob "
        "num_experts_per_tok output_router_logits router_aux_loss_coef sliding_window "
        "use_sliding_window"
    ),
    "seed_oss": "attention_out_bias head_dim mlp_bias pretraining_tp residual_dropout",
    "smollm3": (
        "layer_types mlp_bias no_rope_layer_interval no_rope_layers sliding_window "
        "use_sliding_window"
    ),
    "stablelm": (
        "hidden_dropout layer_norm_eps qk_layernorm use_parallel_residual use_qkv_bias "
        "-attention_bias -rms_norm_eps"
    ),
    "starcoder2": (
        "embedding_dropout norm_epsilon residual_dropout sliding_window use_bias -attention_bias "
        "-rms_norm_eps"
    ),
}  # fmt: skip
"""The other fields of each family's class; `-` precedes usual ones that it lacks."""
_OTHERWISE: Mapping[str, Mapping[str, str]] = {
    "cohere": {"attention_dropout": "nfi", "layer_norm_eps": "nf"},
    "cohere2": {"logit_scale": "f"},
    "ernie4_5": {"use_cache": "nb"},
    "exaone4": {"num_key_value_heads": "i"},
    "falcon": {"attention_dropout": "nfi", "hidden_dropout": "nfi", "layer_norm_epsilon": "nf"},
    "gemma": {"head_dim": "i", "num_key_value_heads": "i"},
    "gemma2": {"attention_dropout": "nfi", "head_dim": "i", "num_key_value_heads": "i"},
    "gemma3_text": {"attention_dropout": "nfi", "head_dim": "i", "num_key_value_heads": "i"},
    "glm": {"attention_dropout": "nfi"},
    "glm4": {"head_dim": "i", "num_key_value_heads": "i"},
    "glm4_moe": {"num_key_value_heads": "i", "use_qk_norm": "b"},
    "gpt_bigcode": {"multi_query": "b"},
    "gpt_oss": {"head_dim": "i", "num_key_value_heads": "i"},
    "granitemoe": {
        "attention_dropout": "nfi", "attention_multiplier": "nfi",
        "embedding_multiplier": "nfi", "logits_scaling": "nfi", "num_experts_per_tok": "ni",
        "num_local_experts": "ni", "output_router_logits": "nb", "residual_multiplier": "nfi",
        "router_aux_loss_coef": "nf",
    },
    "llama": {"attention_dropout": "nfi", "pretraining_tp": "ni"},
    "ministral": {"num_key_value_heads": "i"},
    "ministral3": {"head_dim": "i", "num_key_value_heads": "i"},
    "mistral": {"num_key_value_heads": "i"},
    "mixtral": {"num_key_value_heads": "i"},
    "phi": {"attention_dropout": "nfi"},
    "phimoe": {"num_key_value_heads": "i"},
    "qwen3": {"head_dim": "i"},
    "qwen3_moe": {"num_key_value_heads": "i"},
    "stablelm": {"num_key_value_heads": "i"},
    "starcoder2": {"num_key_value_heads": "i", "use_bias": "b"},
}  # fmt: skip
"""The types of fields that a family's class takes otherwise."""
_TYPES = {field: types for types, fields in _BY_TYPES.items() for field in fields.split()}


def of_family(family: str) -> Mapping[str, str]:
    """Return the types that each field of a family's class takes; empty for an unknown family."""
    if family not in _FIELDS:
        return {}
    own = _FIELDS[family].split()
    usual = (field for field in _USUAL.split() if f"-{field}" not in own)
    named = (*usual, *(field for field in own if field[0] != "-"))
    return {field: _TYPES[field] for field in named} | dict(_OTHERWISE.get(family, {}))


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
