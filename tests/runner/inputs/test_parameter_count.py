"""The closed form of a model's parameters, against the classes of transformers on `meta`."""

import json
import tomllib
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from planner.catalogue import lookup
from planner.models.facts import architecture, parameter_count
from planner.models.families import FAMILIES
from runner.trace.text_only import from_config
from runner.training.loaded import configuration
from tests.few import chosen_families, of_families
from tests.meta import on_meta

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
DELTA = {
    "num_hidden_layers": 4, "head_dim": 6, "linear_key_head_dim": 5, "linear_value_head_dim": 7,
    "linear_num_key_heads": 2, "linear_num_value_heads": 6,
}  # fmt: skip
GPT = {
    "n_embd": 32, "n_layer": 3, "n_head": 4, "n_positions": 64, "n_inner": 40, "vocab_size": 96,
    "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
LATENT = {
    "num_key_value_heads": 4, "kv_lora_rank": 12, "q_lora_rank": 10, "qk_nope_head_dim": 6,
    "qk_rope_head_dim": 4, "v_head_dim": 8,
}  # fmt: skip
SPARSE = LATENT | {
    "index_head_dim": 8, "index_n_heads": 3, "index_topk": 5, "n_group": 1, "topk_group": 1,
}  # fmt: skip
STREAMS = {"hc_mult": 3, "hc_sinkhorn_iters": 2}
SHARED = ["full_attention", "sliding_attention", "full_attention"]
GEMMA_4 = {
    "head_dim": 6, "global_head_dim": 10, "num_kv_shared_layers": 1, "layer_types": SHARED,
}  # fmt: skip
OWN: dict[str, dict[str, Any]] = {
    "bloom": {"hidden_size": 32, "n_layer": 3, "n_head": 4, "vocab_size": 96},
    "deepseek_v2": LATENT,
    "deepseek_v3": LATENT | {"n_group": 1, "topk_group": 1},
    "deepseek_v32": SPARSE,
    "deepseek_v4": STREAMS | {
        "intermediate_size": 7, "num_hidden_layers": 4, "num_key_value_heads": 1, "head_dim": 16,
        "q_lora_rank": 10, "o_groups": 2, "o_lora_rank": 6, "index_head_dim": 8,
        "index_n_heads": 3, "index_topk": 2, "sliding_window": 4,
        "compress_rates": {"compressed_sparse_attention": 2, "heavily_compressed_attention": 3},
        "layer_types": [
            "sliding_attention", "compressed_sparse_attention", "heavily_compressed_attention",
            "compressed_sparse_attention",
        ],
        "mlp_layer_types": ["hash_moe", "moe", "hash_moe", "moe"],
    },
    "ernie4_5_moe": {"moe_num_experts": 3, "moe_k": 2, "moe_num_shared_experts": 2},
    "falcon": {"num_kv_heads": 2, "ffn_hidden_size": 40},
    "falcon_h1": {
        "head_dim": 6, "mamba_d_ssm": 24, "mamba_n_heads": 4, "mamba_n_groups": 2,
        "mamba_d_state": 5,
    },
    "gemma3n_text": {
        "head_dim": 6, "hidden_size_per_layer_input": 5, "vocab_size_per_layer_input": 96,
        "altup_num_inputs": 3, "laurel_rank": 7, "num_kv_shared_layers": 1, "layer_types": SHARED,
    },
    "gemma4_text": GEMMA_4 | {
        "hidden_size_per_layer_input": 5, "vocab_size_per_layer_input": 64, "num_experts": 3,
        "top_k_experts": 2, "moe_intermediate_size": 7,
    },
    "gemma4_unified_text": GEMMA_4,
    "gpt2": GPT,
    "gpt_bigcode": GPT,
    "gptj": GPT | {"rotary_dim": 4},
    "gpt_neox": {"num_key_value_heads": 4},
    "glm4_moe_lite": LATENT,
    "glm_moe_dsa": SPARSE | {"indexer_types": ["full", "shared", "full"]},
    "glm5_next_text": SPARSE | STREAMS | {
        "qk_rope_head_dim": 0, "index_topk": 6, "index_kpool": 3, "num_hidden_layers": 4,
        "layer_types": [
            "linear_attention", "indexed_attention", "indexed_attention", "linear_attention",
        ],
        "indexer_types": ["full", "full", "shared", "full"],
        "mlp_layer_types": ["dense", "dense", "sparse", "sparse"],
        "linear_num_heads": 2, "linear_head_dim": 6, "linear_conv_kernel_dim": 3,
    },
    "hunyuan_v1_dense": {"head_dim": 6},
    "hunyuan_v1_moe": {"moe_topk": 2, "head_dim": 6},
    "laguna": {
        "head_dim": 8, "sliding_window": 16, "num_attention_heads_per_layer": [4, 6, 4],
        "layer_types": ["full_attention", "sliding_attention", "full_attention"],
    },
    "llama4_text": {
        "head_dim": 8, "intermediate_size_mlp": 44, "interleave_moe_layer_step": 2,
        "attention_chunk_size": 16, "no_rope_layer_interval": 3,
    },
    "minimax_m2": {"head_dim": 8},
    "granitemoehybrid": {
        "layer_types": ["mamba", "attention", "mamba"], "mamba_n_heads": 4, "mamba_n_groups": 2,
        "mamba_d_state": 5, "shared_intermediate_size": 9,
    },
    "lfm2": {"layer_types": ["conv", "full_attention", "conv"], "block_multiple_of": 4},
    "lfm2_moe": {"layer_types": ["conv", "full_attention", "conv"], "num_dense_layers": 1},
    "ministral": {"head_dim": 6},
    "nemotron_h": {
        "layers_block_type": ["linear_attention", "full_attention", "mlp", "moe"],
        "num_hidden_layers": 4, "head_dim": 8, "mamba_num_heads": 4, "mamba_head_dim": 6,
        "n_groups": 2, "ssm_state_size": 5, "moe_shared_expert_intermediate_size": 9,
    },
    "opt": {
        "word_embed_proj_dim": 32, "ffn_dim": 40, "intermediate_size": None,
        "num_key_value_heads": None,
    },
    "qwen3_5_moe_text": DELTA,
    "qwen3_5_text": DELTA,
    "qwen3_next": DELTA,
}  # fmt: skip
VARIANTS: list[tuple[str, dict[str, Any]]] = [
    ("llama", {"attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True}),
    ("cohere", {"use_qk_norm": True, "attention_bias": True}),
    ("deepseek_v2", {"q_lora_rank": None}),
    ("deepseek_v2", {"mlp_bias": True, "attention_bias": True}),
    ("deepseek_v3", {"q_lora_rank": None, "attention_bias": True}),
    ("deepseek_v3", {"first_k_dense_replace": 0, "v_head_dim": 10}),
    ("deepseek_v32", {"first_k_dense_replace": 0, "attention_bias": True}),
    ("deepseek_v32", {"mlp_layer_types": ["dense", "dense", "sparse"], "index_n_heads": 2}),
    ("deepseek_v4", {"layer_types": ["heavily_compressed_attention"] * 4, "hc_mult": 2}),
    ("deepseek_v4", {"layer_types": None, "compress_ratios": [0, 0, 4, 128, 0]}),
    ("deepseek_v4", {"mlp_bias": True, "mlp_layer_types": None, "num_hash_layers": 2}),
    ("ernie4_5_moe", {"use_bias": True, "moe_num_shared_experts": 0}),
    ("ernie4_5_moe", {"moe_layer_start_index": 2}),
    ("falcon", {"new_decoder_architecture": True, "bias": True}),
    ("falcon", {"new_decoder_architecture": True, "num_ln_in_parallel_attn": 1}),
    ("falcon", {"multi_query": False, "parallel_attn": False}),
    ("falcon_h1", {"mamba_d_ssm": None, "mamba_conv_bias": False}),
    ("falcon_h1", {"mamba_rms_norm": True, "projectors_bias": True, "mamba_proj_bias": True}),
    ("falcon_h1", {"attention_bias": True, "mlp_bias": True}),
    ("gemma", {"head_dim": 16}),
    ("gemma3n_text", {"num_kv_shared_layers": 0, "altup_num_inputs": 2}),
    ("gemma4_text", {"use_double_wide_mlp": True, "hidden_size_per_layer_input": 0}),
    ("gemma4_text", {"attention_k_eq_v": True, "num_global_key_value_heads": 1}),
    ("gemma4_text", {"enable_moe_block": True}),
    ("gemma4_text", {"attention_bias": True, "num_kv_shared_layers": 0}),
    ("gemma4_unified_text", {"attention_k_eq_v": True, "num_kv_shared_layers": 0}),
    ("glm4_moe", {"use_qk_norm": True, "attention_bias": True}),
    ("glm4_moe_lite", {"mlp_layer_types": ["dense", "dense", "sparse"]}),
    ("glm_moe_dsa", {"indexer_types": ["full", "shared", "shared"]}),
    ("glm_moe_dsa", {"indexer_types": None, "index_topk_freq": 3, "index_skip_topk_offset": 1}),
    ("glm_moe_dsa", {"indexer_types": None, "index_topk_pattern": "FSS"}),
    ("glm5_next_text", {"attention_bias": True, "index_kpool": 2}),
    ("glm5_next_text", {"layer_types": None, "mlp_layer_types": None}),
    ("glm5_next_text", {"linear_attn_config": {"head_dim": 4, "num_heads": 3}}),
    ("gpt_bigcode", {"multi_query": False}),
    ("gpt_neox", {"attention_bias": False, "tie_word_embeddings": True}),
    ("hunyuan_v1_moe", {"attention_bias": True}),
    ("laguna", {"gating": "per-element", "attention_bias": True}),
    ("laguna", {"mlp_layer_types": ["sparse", "dense", "dense"]}),
    ("llama4_text", {"attention_bias": True, "moe_layers": [0, 2]}),
    ("llama4_text", {"interleave_moe_layer_step": 1}),
    ("granitemoehybrid", {"attention_bias": True, "mamba_proj_bias": True}),
    ("granitemoehybrid", {"num_local_experts": 0}),
    ("granitemoehybrid", {"layer_types": None, "mamba_conv_bias": False}),
    ("lfm2", {"conv_bias": True}),
    ("lfm2", {"layer_types": None, "full_attn_idxs": [1, 2]}),
    ("lfm2", {"block_ffn_dim_multiplier": 1.3}),
    ("lfm2", {"block_ff_dim": 80}),
    ("lfm2", {"block_auto_adjust_ff_dim": False}),
    ("lfm2_moe", {"num_dense_layers": 2, "conv_bias": True}),
    ("mistral", {"head_dim": 6}),
    ("nemotron", {"attention_bias": True, "mlp_bias": True}),
    ("nemotron_h", {"use_bias": True, "mlp_bias": True, "use_conv_bias": False}),
    ("nemotron_h", {"moe_latent_size": 11}),
    ("nemotron_h", {"layers_block_type": None, "hybrid_override_pattern": "M-M*-"}),
    ("opt", {"enable_bias": False}),
    ("phi", {"qk_layernorm": True}),
    ("phimoe", {"lm_head_bias": True, "attention_bias": True}),
    ("qwen2_moe", {"qkv_bias": False, "mlp_only_layers": [0]}),
    ("qwen3", {"attention_bias": True, "head_dim": 16}),
    ("qwen3_5_moe_text", {"layer_types": ["full_attention", "linear_attention"] * 2}),
    ("qwen3_5_text", {"attention_bias": True, "linear_conv_kernel_dim": 3}),
    ("qwen3_5_text", {"layer_types": ["full_attention", "linear_attention"] * 2}),
    ("qwen3_moe", {"mlp_only_layers": [0, 1]}),
    ("qwen3_next", {"mlp_only_layers": [0], "linear_num_value_heads": 2}),
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
        config = configuration({**fields, "model_type": family})
        with on_meta():
            model = from_config(config)
    shape = architecture(config.to_dict(), "config.json")
    return sum(p.numel() for p in model.parameters()), parameter_count(shape)


def tiny(family: str) -> dict[str, Any]:
    if family in ("bloom", "gpt2", "gpt_bigcode", "gptj"):
        return OWN[family]
    return TINY | OWN.get(family, {}) | (EXPERTS if FAMILIES[family].experts else {})


@pytest.mark.parametrize("family", of_families(FAMILIES))
def test_every_family_is_counted_exactly(family: str) -> None:
    real, counted = built(family, tiny(family))
    assert counted == real


@pytest.mark.parametrize(("family", "change"), of_families(VARIANTS))
def test_biases_norms_and_layouts_are_counted_exactly(family: str, change: dict[str, Any]) -> None:
    real, counted = built(family, tiny(family) | change)
    assert counted == real
    assert counted != built(family, tiny(family))[1]


@cache
def built_row(config: str) -> tuple[int, int]:
    """Return the two counts of a row's `config`; rows of equal shapes are built once."""
    fields = json.loads(config)
    return built(fields.pop("model_type"), fields)


def rows() -> Iterator[object]:
    """Yield each row of the catalogue; all but the smallest one of some families are slow."""
    smallest: dict[str, Any] = {}
    for row in sorted(CATALOGUE["model"], key=lambda row: row["parameters"]):
        smallest.setdefault(row["config"]["model_type"], row)
    for row in CATALOGUE["model"]:
        family = row["config"]["model_type"]
        slow = row is not smallest[family] or family not in chosen_families()
        yield pytest.param(row, id=row["names"][0], marks=[pytest.mark.slow] * slow)


@pytest.mark.parametrize("row", rows())
def test_every_shape_of_the_catalogue_has_the_stated_parameters(row: dict[str, Any]) -> None:
    decoder = row["parameters"] - row.get("vision", 0)
    assert built_row(json.dumps(lookup.config_of(row))) == (decoder, decoder)
