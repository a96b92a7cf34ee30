"""Tiny models of the real classes of families, for trainings in several processes."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from planner.models.facts import architecture
from planner.search import lora_targets
from tests.ranks import Case
from tests.runner.inputs.test_parameter_count import tiny

ROUTED = {"num_experts": 8, "num_local_experts": 8, "router_aux_loss_coef": 1.0}
"""A router's loss that is a large part of the loss."""
CHANGES: Mapping[str, Mapping[str, Any]] = {
    "qwen3_moe": ROUTED | {"moe_intermediate_size": 16},
    "gpt_oss": ROUTED | {"intermediate_size": 16, "head_dim": 8},
    "qwen3_5_text": {"head_dim": 8, "linear_key_head_dim": 8, "linear_value_head_dim": 8},
    "nemotron_h": {
        "moe_intermediate_size": 16, "moe_shared_expert_intermediate_size": 16,
        "n_routed_experts": 4, "mamba_head_dim": 8, "ssm_state_size": 8,
    },
    "gemma4_text": {
        "head_dim": 8, "global_head_dim": 16, "hidden_size_per_layer_input": 8,
        "vocab_size_per_layer_input": 96, "moe_intermediate_size": 16, "enable_moe_block": True,
    },
    "llama": {"tie_word_embeddings": True},
}  # fmt: skip
"""Widths that torch's grouped products take: they need rows of 16 bytes."""


def case_of(family: str, folder: Path, tokenizer: Path) -> Case:
    """Write a model of a family to a folder, with the tokenizer of another one, and return its
    training of all weights in one process."""
    import torch
    from transformers import CONFIG_MAPPING, AutoModelForCausalLM, PreTrainedTokenizerFast

    torch.manual_seed(1)
    config = CONFIG_MAPPING[family](**{**tiny(family), **CHANGES[family]})
    AutoModelForCausalLM.from_config(config).float().save_pretrained(folder)
    PreTrainedTokenizerFast.from_pretrained(tokenizer).save_pretrained(folder)
    shape = architecture(json.loads((folder / "config.json").read_bytes()), "config.json")
    return Case(
        base=str(folder), work="", method="full",
        targets=lora_targets.preset(shape, "all-linear"),
        settings={"attention": "eager" if family == "gpt_oss" else "sdpa"},
    )  # fmt: skip
