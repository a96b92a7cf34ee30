"""Rotary embeddings of configurations, against what transformers makes of them."""

import json
import warnings
from pathlib import Path
from typing import Any

import pytest

from lockfiles.errors import UsageProblem
from planner.models.loadable import check_loadable

SHAPE: dict[str, Any] = {
    "hidden_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2, "num_hidden_layers": 1,
    "intermediate_size": 48, "vocab_size": 96, "max_position_embeddings": 256, "pad_token_id": 0,
}  # fmt: skip
LONG = {"short_factor": [1.0] * 8, "long_factor": [2.0] * 8}
LLAMA3 = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
GOOD: list[tuple[str, dict[str, Any]]] = [
    ("llama", {"rope_scaling": None}),
    ("llama", {"rope_scaling": {"type": "linear", "factor": 2.0}}),
    ("llama", {"rope_scaling": {"rope_type": "dynamic", "factor": 2}}),
    ("llama", {"rope_scaling": {"rope_type": "llama3", **LLAMA3}}),
    ("llama", {"rope_scaling": {"rope_type": "longrope", "factor": 4.0, **LONG}}),
    ("llama", {"rope_parameters": {"rope_type": "default", "rope_theta": 10000.0}}),
    ("qwen2", {"rope_scaling": {"type": "yarn", "factor": 4.0}}),
    ("qwen3", {"rope_parameters": {"rope_type": "proportional", "rope_theta": 10000.0}}),
    ("gemma3_text", {"rope_scaling": {"rope_type": "linear", "factor": 8.0}}),
    ("phi3", {"rope_scaling": {"type": "su", "original_max_position_embeddings": 64, **LONG}}),
    ("phi3", {"rope_scaling": {"type": "longrope", **LONG}}),
    ("gpt_neox", {"rope_scaling": {"type": "linear", "factor": 2.0}}),
]
BAD: list[tuple[str, dict[str, Any], str]] = [
    ("llama", {"rope_scaling": {"type": "su", **LONG}}, "has the type `su`"),
    ("llama", {"rope_scaling": {"type": "mrope", "mrope_section": [2, 3, 3]}}, "`mrope`"),
    ("llama", {"rope_scaling": {"rope_type": "ntk", "factor": 2.0}}, "`ntk`"),
    ("qwen3", {"rope_parameters": {"rope_type": "Linear", "factor": 2.0}}, "`Linear`"),
    ("phi3", {"rope_scaling": {"type": "linear", "factor": 2.0}}, "`default`, `longrope`."),
    ("llama", {"rope_scaling": {"type": "linear"}}, "but no `factor`"),
    ("llama", {"rope_scaling": {"rope_type": "yarn"}}, "but no `factor`"),
    ("llama", {"rope_scaling": {"rope_type": "longrope", **LONG, "long_factor": None}}, "but no"),
    ("llama", {"rope_scaling": {"rope_type": "longrope", **LONG, "short_factor": [1.0]}}, "1 num"),
    ("phi3", {"rope_scaling": {"type": "longrope", **LONG, "long_factor": [1.0] * 9}}, "9 num"),
    ("phi3", {"rope_scaling": {"type": "su", **LONG}}, "but no `original_max_position_embeddings`"),
    ("llama", {"rope_scaling": {"type": "linear", "factor": "2"}}, "not a number"),
    ("llama", {"rope_scaling": {"rope_type": "llama3", **LLAMA3, "low_freq_factor": 4.0}}, "above"),
    ("llama", {"rope_scaling": {"rope_type": None}}, "has the type `None`"),
]


def checked(family: str, change: dict[str, Any], folder: Path) -> None:
    values = {"model_type": family, **SHAPE, **change}
    (folder / "config.json").write_text(json.dumps(values))
    check_loadable(folder)


@pytest.mark.parametrize(("family", "change"), GOOD)
def test_what_transformers_computes_is_accepted(
    family: str, change: dict[str, Any], tmp_path: Path
) -> None:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    checked(family, change, tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(tmp_path))
        logits = model(input_ids=torch.tensor([[1, 2, 3]])).logits
    assert bool(torch.isfinite(logits).all())


@pytest.mark.parametrize(("family", "change", "said"), BAD)
def test_what_it_does_not_know_is_refused_by_name(
    family: str, change: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageProblem) as problem:
        checked(family, change, tmp_path)
    assert said in problem.value.message
    assert "rope_" in problem.value.message
    assert problem.value.hint
