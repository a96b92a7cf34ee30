"""Tiny models of the real classes of families, for trainings in several processes."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from planner.memory.family_quirks import attention
from planner.models.facts import architecture
from planner.models.families import FAMILIES
from planner.models.families.wrappers import WRAPPERS
from planner.search import lora_targets
from tests.ranks import Case
from tests.runner.inputs.test_parameter_count import tiny

GROUPED = {"intermediate_size": 48, "moe_intermediate_size": 16}
"""Widths that torch's grouped products take: they need rows of 16 bytes."""
MANY = dict.fromkeys(("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts"), 8)
"""Experts, by each name of theirs: more than two for each of three tokens."""
ROUTED = {"num_experts": 8, "num_local_experts": 8, "router_aux_loss_coef": 1.0}
"""A router's loss that is a large part of the loss."""
CHANGES: Mapping[str, Mapping[str, Any]] = {
    "qwen3_moe": ROUTED | {"moe_intermediate_size": 16},
    "gpt_oss": ROUTED | {"intermediate_size": 16, "head_dim": 8},
    "qwen3_5_text": {"head_dim": 8, "linear_key_head_dim": 8, "linear_value_head_dim": 8},
    "nemotron_h": {
        "moe_intermediate_size": 16, "moe_shared_expert_intermediate_size": 16,
        "n_routed_experts": 8, "mamba_head_dim": 8, "ssm_state_size": 8,
    },
    "gemma4_text": {
        "head_dim": 8, "global_head_dim": 16, "hidden_size_per_layer_input": 8,
        "vocab_size_per_layer_input": 96, "moe_intermediate_size": 16, "enable_moe_block": True,
        "num_experts": 8,
    },
    "llama": {"tie_word_embeddings": True},
}  # fmt: skip
"""What some differ in from those of `tiny`."""

PUBLISHED_BARE = ("deepseek_v4",)
"""Families whose files name tensors without `model.`: with it, transformers renames the last norm
when it loads them in shares."""


BIASES = (
    "attention_bias", "attention_out_bias", "bias", "conv_bias", "mlp_bias", "qkv_bias", "use_bias",
    "use_qkv_bias",
)  # fmt: skip
"""The fields that give layers a bias."""
ALONE = {"glm5_next_text"}
"""Families that transformers has in a wrapper only."""
UNSAVED = {"kimi_k25"}
"""Wrappers whose decoder transformers saves under other names than it loads."""


def every() -> list[str]:
    """Return the families, and the multimodal models around some of them."""
    around = {name for name, one in WRAPPERS.items() if not one.alone and not one.needs}
    return sorted((FAMILIES.keys() | around) - ALONE - UNSAVED)


def config_of(family: str) -> Any:
    """Return the configuration of a small model."""
    from transformers import CONFIG_MAPPING

    from tests.journeys.test_new_families import OWN, fields
    from tests.runner.training.test_loading import wrapped

    if family not in FAMILIES and family not in OWN:
        config = wrapped(family)
        text = config.get_text_config()
        for name, value in (MANY | {"moe_intermediate_size": 16}).items():
            if getattr(text, name, None):
                setattr(text, name, value)
        return config
    if family in OWN and family not in CHANGES:
        found = fields(family)
        (found.get("text_config") or found).update(MANY)
        return CONFIG_MAPPING[family](**found)
    widths = GROUPED | MANY if FAMILIES[family].experts else {}
    return CONFIG_MAPPING[family](**{**tiny(family), **widths, **CHANGES.get(family, {})})


def case_of(family: str, folder: Path, tokenizer: Path, *, biased: bool = False) -> Case:
    """Write a model of a family to a folder, with the tokenizer of another one, and return its
    training of all weights in one process. `biased` ones have all biases that they can have."""
    import torch
    from transformers import PreTrainedTokenizerFast

    from runner.training.loaded import class_of

    torch.manual_seed(1)
    config = config_of(family)
    text = config.get_text_config()
    _without_dropout(text)
    for name in BIASES:
        if biased and getattr(text, name, None) is False:
            setattr(text, name, True)
    class_of(config.to_dict()).from_config(config).float().save_pretrained(folder)
    if family in PUBLISHED_BARE:
        _strip(folder / "model.safetensors", "model.")
    PreTrainedTokenizerFast.from_pretrained(tokenizer).save_pretrained(folder)
    shape = architecture(json.loads((folder / "config.json").read_bytes()), "config.json")
    return Case(
        base=str(folder), work="", method="full",
        targets=lora_targets.preset(shape, "all-linear"),
        settings={"attention": attention(shape.family)},
    )  # fmt: skip


def _without_dropout(config: Any) -> None:
    """Each process would draw other numbers."""
    for name, value in vars(config).items():
        if name.endswith(("dropout", "pdrop")) and isinstance(value, float):
            setattr(config, name, 0.0)


def _strip(file: Path, prefix: str) -> None:
    from safetensors.torch import load_file, save_file

    found = {name.removeprefix(prefix): one for name, one in load_file(file).items()}
    save_file(found, file, metadata={"format": "pt"})
