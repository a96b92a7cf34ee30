"""The types of values that transformers accepts in the small files of a model.

Sources: `PreTrainedConfig` and `activations` of transformers.
"""

from collections.abc import Callable, Mapping
from typing import Any

from planner.models.folder import CONFIG
from planner.models.shapes import config_json

Is = Callable[[Any], bool]
DTYPES = ("float32", "float16", "bfloat16")
"""The types in which a model is loaded, merged and saved."""
_MOST_LABELS = 10_000
"""Limit for the labels of a classifier: transformers creates a name for each."""
ACTIVATIONS = (
    "gelu", "gelu_10", "gelu_accurate", "gelu_fast", "gelu_new", "gelu_python",
    "gelu_python_tanh", "gelu_pytorch_tanh", "hardswish", "laplace", "leaky_relu", "linear",
    "mish", "prelu", "quick_gelu", "relu", "relu2", "relu6", "sigmoid", "silu", "swish", "tanh",
    "xielu",
)  # fmt: skip
"""The activation functions in `transformers.activations`."""
_METHODS = frozenset(
    ["convert_rope_params_to_dict", "default_config_fields", "dict_dtype_to_str", "from_dict",
     "from_json_file", "from_pretrained", "get_config_dict", "get_mtp_config", "get_text_config",
     "is_custom_code", "is_remote_code", "nested_rope_parameter_keys", "push_to_hub",
     "register_for_auto_class", "save_pretrained", "serialize_explicit_per_layer_config",
     "standardize_rope_params", "to_dict", "to_diff_dict", "to_json_file", "to_json_string",
     "update", "update_from_string", "validate", "validate_architecture", "validate_layer_type",
     "validate_output_attentions", "validate_rope", "validate_token_ids"]
)  # fmt: skip
_INNER = frozenset(
    ["attribute_map", "per_layer_config", "per_layer_attributes", "sub_configs",
     "sub_configs_defaults", "extra_files", "extra_config_files", "base_model_tp_plan",
     "base_model_pp_plan", "base_model_ep_plan", "base_model_fsdp_plan", "base_config_key",
     "_auto_class"]
)  # fmt: skip
RESERVED = _METHODS | _INNER
"""Attributes of transformers' configuration class, which a field of that name would replace."""


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _text(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= 1000


def _id(value: Any) -> bool:
    return type(value) is int and -1 <= value <= config_json.MOST["vocab_size"]


def _ids(value: Any) -> bool:
    return _id(value) or (isinstance(value, list) and len(value) <= 1000 and all(map(_id, value)))


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(map(_text, value))


def _table(value: Any) -> bool:
    return isinstance(value, Mapping)


def _among(*names: str) -> Is:
    return lambda value: isinstance(value, str) and value in names


def _is(wanted: bool) -> Is:
    return lambda value: value is wanted


def _share(value: Any) -> bool:
    return _number(value) and 0 <= value < 1


def _fraction(value: Any) -> bool:
    return isinstance(value, float) and 0 <= value < 1


def _count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= config_json.MOST_OTHERWISE


def _labels(value: Any) -> bool:
    return type(value) is int and 0 <= value <= _MOST_LABELS


def _by_number(value: Any) -> bool:
    return _table(value) and len(value) <= _MOST_LABELS and all(map(str.isdecimal, value))


def _token(value: Any) -> bool:
    return _text(value) or (_table(value) and _text(value.get("content")))


def _side(value: Any) -> bool:
    return value in ("left", "right") if isinstance(value, str) else False


_CONFIG: Mapping[str, tuple[Is, str]] = {
    **dict.fromkeys(("dtype", "torch_dtype"), (_among(*DTYPES), "float32, float16 or bfloat16")),
    **dict.fromkeys(
        ("rms_norm_eps", "layer_norm_eps", "layer_norm_epsilon", "norm_epsilon",
         "initializer_range"),
        (_fraction, "a number from 0.0 to 1.0"),
    ),
    **dict.fromkeys(
        ("attention_dropout", "hidden_dropout", "embd_pdrop", "attn_pdrop", "resid_pdrop"),
        (_share, "a number from 0 to 1"),
    ),
    "rope_theta": (lambda value: _number(value) and value > 0, "a number above 0"),
    **dict.fromkeys(
        ("attention_bias", "mlp_bias", "use_cache", "tie_word_embeddings", "use_sliding_window"),
        (_flag, "true or false"),
    ),
    **dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id"), (_ids, "token ids")),
    **dict.fromkeys(
        ("hidden_act", "activation_function", "hidden_activation"),
        (_among(*ACTIVATIONS), "an activation of transformers"),
    ),
    **dict.fromkeys(
        ("rope_parameters", "rope_scaling"),
        (_table, "a table"),
    ),
    **dict.fromkeys(
        ("output_attentions", "output_hidden_states", "torchscript", "add_cross_attention"),
        (_is(False), "false for training"),
    ),
    **dict.fromkeys(
        ("is_causal", "return_dict", "use_return_dict"), (_is(True), "true for training")
    ),
    **dict.fromkeys(("chunk_size_feed_forward", "pretraining_tp"), (_count, "an integer")),
    **dict.fromkeys(
        ("experts_implementation", "_experts_implementation"),
        (_among("eager", "batched_mm", "grouped_mm"), "eager, batched_mm or grouped_mm"),
    ),
    "num_labels": (_labels, f"at most {_MOST_LABELS:,}"),
    "id2label": (_by_number, f"a table of at most {_MOST_LABELS:,} numbered labels"),
    "problem_type": (
        _among(
            "regression", "single_label_classification", "multi_label_classification"
        ),
        "a kind of classification",
    ),
    "architectures": (_texts, "a list of texts"),
}  # fmt: skip
_GENERATION: Mapping[str, tuple[Is, str]] = {
    **dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id"), (_ids, "token ids")),
    **dict.fromkeys(
        ("temperature", "top_k", "top_p", "repetition_penalty", "max_new_tokens", "max_length",
         "min_length", "num_beams"),
        (_number, "a number"),
    ),
    "do_sample": (_flag, "true or false"),
}  # fmt: skip
_TOKENIZER: Mapping[str, tuple[Is, str]] = {
    **dict.fromkeys(
        ("pad_token", "eos_token", "bos_token", "unk_token"), (_token, "the text of a token")
    ),
    **dict.fromkeys(("padding_side", "truncation_side"), (_side, "left or right")),
    "model_max_length": (_number, "a number"),
}
FILES = {
    CONFIG: _CONFIG,
    "generation_config.json": _GENERATION,
    "tokenizer_config.json": _TOKENIZER,
}
