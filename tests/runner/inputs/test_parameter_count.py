"""The closed form of a model's parameters, against the classes of transformers on `meta`."""

import json
import tomllib
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from planner.catalogue import lookup
from planner.models.facts import architecture, parameter_count
from planner.models.families import FAMILIES

TINY: dict[str, Any] = {
    "vocab_size": 96, "hidden_size": 32, "intermediate_size": 40, "num_hidden_layers": 3,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64,
    "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
EXPERTS = {
    "num_experts": 3, "num_local_experts": 3, "n_routed_experts": 3, "num_experts_per_tok": 2,
    "moe_intermediate_size": 7, "shared_expert_intermediate_size": 9, "n_shared_experts": 2,
    "first_k_dense_replace": 1,
}  # fmt: skip
GPT = {
    "n_embd": 32, "n_layer": 3, "n_head": 4, "n_positions": 64, "n_inner": 40, "vocab_size": 96,
    "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
OWN: dict[str, dict[str, Any]] = {
    "bloom": {"hidden_size": 32, "n_layer": 3, "n_head": 4, "vocab_size": 96},
    "falcon": {"num_kv_heads": 2, "ffn_hidden_size": 40},
    "gpt2": GPT,
    "gpt_bigcode": GPT,
    "gptj": GPT | {"rotary_dim": 4},
    "gpt_neox": {"num_key_value_heads": 4},
    "hunyuan_v1_dense": {"head_dim": 6},
    "ministral": {"head_dim": 6},
    "opt": {
        "word_embed_proj_dim": 32, "ffn_dim": 40, "intermediate_size": None,
        "num_key_value_heads": None,
    },
}  # fmt: skip
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("llama", {"attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True}),
    ("cohere", {"use_qk_norm": True, "attention_bias": True}),
    ("falcon", {"new_decoder_architecture": True, "bias": True}),
    ("falcon", {"new_decoder_architecture": True, "num_ln_in_parallel_attn": 1}),
    ("falcon", {"multi_query": False, "parallel_attn": False}),
    ("gemma", {"head_dim": 16}),
    ("glm4_moe", {"use_qk_norm": True, "attention_bias": True}),
    ("gpt_bigcode", {"multi_query": False}),
    ("gpt_neox", {"attention_bias": False, "tie_word_embeddings": True}),
    ("mistral", {"head_dim": 6}),
    ("nemotron", {"attention_bias": True, "mlp_bias": True}),
    ("opt", {"enable_bias": False}),
    ("phi", {"qk_layernorm": True}),
    ("phimoe", {"lm_head_bias": True, "attention_bias": True}),
    ("qwen2_moe", {"qkv_bias": False, "mlp_only_layers": [0]}),
    ("qwen3", {"attention_bias": True, "head_dim": 16}),
    ("qwen3_moe", {"mlp_only_layers": [0, 1]}),
    ("seed_oss", {"attention_out_bias": True, "mlp_bias": True}),
    ("smollm3", {"attention_bias": True, "mlp_bias": True}),
    ("stablelm", {"qk_layernorm": True, "use_qkv_bias": True}),
    ("starcoder2", {"use_bias": False}),
]
CATALOGUE = tomllib.loads(Path(lookup.__file__).with_name("models.toml").read_text("utf-8"))


def built(family: str, fields: dict[str, Any]) -> tuple[int, int]:
    """Return the parameters of the real class, and of the closed form over its `config.json`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from transformers import CONFIG_MAPPING, AutoModelForCausalLM

        config = CONFIG_MAPPING[family](**fields)
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config)
    shape = architecture(config.to_dict(), "config.json")
    return sum(p.numel() for p in model.parameters()), parameter_count(shape)


def tiny(family: str) -> dict[str, Any]:
    if family in ("bloom", "gpt2", "gpt_bigcode", "gptj"):
        return OWN[family]
    return TINY | OWN.get(family, {}) | (EXPERTS if FAMILIES[family].experts else {})


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_counted_exactly(family: str) -> None:
    real, counted = built(family, tiny(family))
    assert counted == real


@pytest.mark.parametrize(("family", "change"), VARIANTS)
def test_biases_norms_and_layouts_are_counted_exactly(family: str, change: dict[str, Any]) -> None:
    real, counted = built(family, tiny(family) | change)
    assert counted == real
    assert counted != built(family, tiny(family))[1]


@cache
def built_row(config: str) -> tuple[int, int]:
    """Return the two counts of a row's `config`; rows of equal shapes are built once."""
    fields = json.loads(config)
    return built(fields.pop("model_type"), fields)


@pytest.mark.parametrize("row", CATALOGUE["model"], ids=lambda row: row["names"][0])
def test_every_shape_of_the_catalogue_has_the_stated_parameters(row: dict[str, Any]) -> None:
    decoder = row["parameters"] - row.get("vision", 0)
    assert built_row(json.dumps(lookup.config_of(row))) == (decoder, decoder)
