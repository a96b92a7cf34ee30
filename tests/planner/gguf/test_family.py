"""What `config.json` may say for a GGUF export, by family."""

from typing import Any

import pytest

from lockfiles.errors import UsageProblem
from planner.gguf import family, tensors

LLAMA = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "vocab_size": 100,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
}
QWEN2 = LLAMA | {"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2"}
QWEN3 = LLAMA | {"architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3"}
MISTRAL = LLAMA | {"architectures": ["MistralForCausalLM"], "model_type": "mistral"}


def test_fields_that_are_left_out_are_those_of_the_class() -> None:
    config, _ = family.completed(QWEN3)
    assert (config["rms_norm_eps"], family.head_dim(config)) == (1e-6, 128)
    assert family.head_dim(family.completed(LLAMA)[0]) == 16
    without = {key: value for key, value in LLAMA.items() if key != "num_key_value_heads"}
    assert family.kv_heads(family.completed(without)[0]) == 4


@pytest.mark.parametrize(
    ("config", "change", "said"),
    [
        (LLAMA, {"hidden_act": "gelu"}, "`hidden_act` = `gelu`"),
        (LLAMA, {"quantization_config": {}}, "`quantization_config` = `true`"),
        (QWEN2, {"use_sliding_window": True}, "`use_sliding_window` = `true`"),
        (QWEN2, {"head_dim": 32}, "4 attention heads of width 32"),
        (QWEN2, {"layer_types": ["full_attention", "sliding_attention"]}, "sliding_attention"),
        (QWEN3, {"attention_bias": True}, "`attention_bias` = `true`"),
        (LLAMA, {"num_key_value_heads": 3}, "3 key-value heads"),
        (LLAMA, {"architectures": ["GemmaForCausalLM"]}, "`GemmaForCausalLM` cannot be"),
        (LLAMA, {"rms_norm_eps": 0}, "`rms_norm_eps`"),
        (MISTRAL, {"sliding_window": -1}, "`sliding_window`"),
    ],
)
def test_a_setting_that_llama_cpp_lacks_is_refused_by_name(
    config: dict[str, Any], change: dict[str, Any], said: str
) -> None:
    family.completed(config)
    with pytest.raises(UsageProblem) as refused:
        family.completed(config | change)
    assert said in refused.value.message and refused.value.hint


def test_the_context_of_windowed_attention_ends_at_its_window() -> None:
    for window, wanted in ((64, 64), (4096, 128), (None, 128)):
        config, kind = family.completed(MISTRAL | {"sliding_window": window})
        assert family.context(config, kind) == wanted
    config, kind = family.completed(LLAMA | {"sliding_window": 64})
    assert family.context(config, kind) == 128


def _shapes(config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    return tensors.expected(*family.completed(config))


def test_a_folder_with_every_tensor_is_accepted() -> None:
    for config in (LLAMA, QWEN2, QWEN3, MISTRAL):
        shapes = _shapes(config)
        tensors.check(shapes, *family.completed(config))
        extra = shapes | {"model.layers.0.self_attn.rotary_emb.inv_freq": (8,)}
        tensors.check(extra, *family.completed(config))
    tied = _shapes(LLAMA)
    del tied[tensors.HEAD]
    tensors.check(tied, *family.completed(LLAMA | {"tie_word_embeddings": True}))


def _without(name: str) -> dict[str, tuple[int, ...]]:
    return {key: shape for key, shape in _shapes(LLAMA).items() if not key.startswith(name)}


UP = "model.layers.1.mlp.up_proj.weight"


@pytest.mark.parametrize(
    ("shapes", "said"),
    [
        (_without(UP), f"The weights lack `{UP}`."),
        (_without("lm_head"), "The weights lack `lm_head.weight`."),
        (_without("model.layers.1."), "`num_hidden_layers` is 2, but the files have 1 layers."),
        (_shapes(LLAMA | {"num_hidden_layers": 3}), "`num_hidden_layers` is 2, but the files"),
        (_shapes(LLAMA | {"vocab_size": 90}), "`vocab_size` in `config.json` is 100, but"),
        (_shapes(LLAMA) | {UP: (64, 96)}, f"`{UP}` has the shape [64, 96]"),
        (_shapes(LLAMA | {"attention_bias": True}), "which a `llama` model with this"),
        (_shapes(LLAMA) | {"model.extra.weight": (1,)}, "`model.extra.weight`"),
    ],
)
def test_other_tensors_are_refused_by_name(shapes: dict[str, tuple[int, ...]], said: str) -> None:
    with pytest.raises(UsageProblem) as refused:
        tensors.check(shapes, *family.completed(LLAMA))
    assert said in refused.value.message and refused.value.hint


@pytest.mark.parametrize("flag", ["attention_bias", "mlp_bias"])
def test_biases_of_llama_are_expected_where_its_flag_says_so(flag: str) -> None:
    more = _shapes(LLAMA | {flag: True}).keys() - _shapes(LLAMA).keys()
    assert len(more) == 2 * {"attention_bias": 4, "mlp_bias": 3}[flag]
