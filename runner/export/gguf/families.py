"""Differences between model families, as tables and functions of config.json.

The rules follow llama.cpp's own converter; the frequency factors follow the `llama3` rope
scaling in transformers (`modeling_rope_utils`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lockfiles.errors import UsageProblem
from lockfiles.fixes import PLAN_AGAIN, Advice, Answer, Steps
from lockfiles.harmless import one_line
from planner.models.config_json import ConfigJson

Config = Mapping[str, Any]
ELSEWHERE = (
    Steps((Answer("results.gguf", ()), PLAN_AGAIN)),
    Advice("try llama.cpp's own `convert_hf_to_gguf.py`, which may know the merged model"),
)
"""The hint for a model that cannot be converted."""
ROPE_KINDS = ("default", "linear", "llama3", "yarn")
NEEDED = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "max_position_embeddings",
)
"""The integers of config.json that every family has."""


@dataclass(frozen=True)
class Family:
    """One dense decoder family that llama.cpp supports."""

    name: str
    """Architecture name inside the GGUF file."""
    permutes: bool
    """Whether query and key rows are permuted from halves to interleaved pairs."""


FAMILIES = {
    "LlamaForCausalLM": Family("llama", permutes=True),
    "Qwen2ForCausalLM": Family("qwen2", permutes=False),
    "Qwen3ForCausalLM": Family("qwen3", permutes=False),
}


def saved_as(config: Config) -> dict[str, Any]:
    """Return a base model's config.json with the architecture that it is saved under.

    Raises UsageProblem for a family that is not supported.
    """
    family = config.get("model_type")
    found = next((name for name, one in FAMILIES.items() if one.name == family), "")
    return {**config, "architectures": [found or f"that of {family}"]}


def family_of(config: Config) -> Family:
    """Return the family of a config.json. Raises UsageProblem for one that cannot be converted."""
    names = config.get("architectures")
    name = names[0] if isinstance(names, list) and names else "(none)"
    family = FAMILIES.get(name) if isinstance(name, str) else None
    if family is None:
        raise UsageProblem(
            f"The architecture `{one_line(name, most=60)}` cannot be converted to GGUF; "
            f"supported are {', '.join(f'`{name}`' for name in FAMILIES)}.",
            fix=ELSEWHERE,
        )
    _require_numbers(config)
    _refuse_variants(config)
    return family


def _require_numbers(config: Config) -> None:
    """Raise UsageProblem for a config.json that is not that of a saved model."""
    checked = ConfigJson(config, "config.json")
    for key in NEEDED:
        checked.integer(key)
    for key in ("head_dim", "num_key_value_heads"):
        checked.integer(key, 1)
    heads, kv = checked.integer("num_attention_heads"), kv_heads(config)
    if heads % kv or head_dim(config) % 2:
        raise UsageProblem(
            f"A model with {heads} attention heads of width {head_dim(config)} and {kv} key-value "
            "heads cannot be converted to GGUF.",
            fix=ELSEWHERE,
        )
    _require_positive(config, "rms_norm_eps")


def _require_positive(values: Config, *keys: str) -> None:
    """Raise UsageProblem for settings that are not finite numbers above 0."""
    for key in keys:
        value = values.get(key)
        number = value if isinstance(value, int | float) and not isinstance(value, bool) else 0
        if not 0 < number < 1e15:
            raise UsageProblem(
                f"`{key}` in the model's `config.json` is not a positive number.",
                fix=Advice("save the model again with `save_pretrained`"),
            )


def _refuse_variants(config: Config) -> None:
    """Raise UsageProblem for a setting that GGUF cannot represent."""
    rope = rope_of(config)
    wanted: dict[str, tuple[object, tuple[object, ...]]] = {
        "hidden_act": (config.get("hidden_act", "silu"), ("silu",)),
        "use_sliding_window": (bool(config.get("use_sliding_window")), (False,)),
        "rope_type": (rope["rope_type"], ROPE_KINDS),
        "partial_rotary_factor": (rope.get("partial_rotary_factor", 1.0), (1.0,)),
        "quantization_config": ("quantization_config" in config, (False,)),
    }
    for key, (value, allowed) in wanted.items():
        if value not in allowed:
            raise UsageProblem(
                f"A model with `{key}` = `{one_line(value, most=60)}` cannot be converted to GGUF.",
                fix=ELSEWHERE,
            )
    _require_positive(rope, "rope_theta")
    if rope["rope_type"] != "default":
        _require_positive(rope, "factor")
    if rope["rope_type"] == "llama3":
        _require_positive(
            rope, "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"
        )
        if rope["low_freq_factor"] == rope["high_freq_factor"]:
            raise UsageProblem(
                "A model with `low_freq_factor` = `high_freq_factor` cannot be converted to GGUF.",
                fix=ELSEWHERE,
            )
    if rope.get("original_max_position_embeddings") is not None:
        _require_positive(rope, "original_max_position_embeddings")


def rope_of(config: Config) -> dict[str, Any]:
    """Return RoPE settings, from `rope_parameters` or the older `rope_scaling` and `rope_theta`."""
    given = config.get("rope_parameters") or config.get("rope_scaling") or {}
    if not isinstance(given, Mapping):
        raise UsageProblem(
            "The RoPE settings in the model's `config.json` are not a table.",
            fix=Advice("save the model again with `save_pretrained`"),
        )
    rope = dict(given)
    rope.setdefault("rope_theta", config.get("rope_theta", 10000.0))
    rope.setdefault("rope_type", rope.get("type", "default"))
    return rope


def head_dim(config: Config) -> int:
    """Return the width of one attention head, in elements."""
    return int(config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"])


def kv_heads(config: Config) -> int:
    """Return the number of key-value heads."""
    return int(config.get("num_key_value_heads") or config["num_attention_heads"])


def permuted(rows: NDArray[Any], heads: int) -> NDArray[Any]:
    """Return query or key rows (weight or bias) permuted from halves to interleaved pairs."""
    halves = rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:])
    return halves.swapaxes(1, 2).reshape(rows.shape)


def rope_factors(config: Config) -> NDArray[np.float32] | None:
    """Return the head_dim / 2 frequency divisors of the `llama3` RoPE scaling; else None."""
    rope = rope_of(config)
    if rope["rope_type"] != "llama3":
        return None
    factor, low, high = (
        float(rope[key]) for key in ("factor", "low_freq_factor", "high_freq_factor")
    )
    context = float(rope["original_max_position_embeddings"])
    width = head_dim(config)
    wavelengths = 2 * np.pi * float(rope["rope_theta"]) ** (np.arange(0, width, 2) / width)
    smooth = np.clip((context / wavelengths - low) / (high - low), 0.0, 1.0)
    return (1.0 / ((1.0 - smooth) / factor + smooth)).astype(np.float32)
