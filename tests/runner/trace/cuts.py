"""Models with few layers, of each kind that the whole model has."""

from collections import Counter
from collections.abc import Hashable, Mapping
from typing import Any

DEPTH = ("num_hidden_layers", "n_layer", "n_layers")
"""The fields with the number of layers."""
_DENSE = ("first_k_dense_replace", "num_dense_layers")
"""The fields with the number of leading layers that have no experts."""
_PATTERNS = ("hybrid_override_pattern", "index_topk_pattern")
"""The texts with a letter for each layer."""
_NUMBERS = ("full_attn_idxs", "mlp_only_layers", "moe_layers")
"""The lists of numbers of layers."""

_USUAL = {"hidden_size": 4096, "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128}
WIDTHS: Mapping[str, dict[str, Any]] = {
    "dots1": {
        "hidden_size": 4096, "n_routed_experts": 128, "n_shared_experts": 2,
        "num_experts_per_tok": 6, "first_k_dense_replace": 1,
    },
    "falcon_h1": {
        "hidden_size": 1024, "intermediate_size": 2048, "num_hidden_layers": 36,
        "num_attention_heads": 8, "num_key_value_heads": 2, "head_dim": 64, "vocab_size": 32_784,
        "mamba_d_ssm": 1536, "mamba_n_heads": 24, "mamba_d_head": 64, "mamba_n_groups": 1,
        "mamba_d_state": 128, "mamba_chunk_size": 128,
    },
    "hunyuan_v1_dense": _USUAL | {"intermediate_size": 14_336, "vocab_size": 128_256},
    "hunyuan_v1_moe": _USUAL | {
        "intermediate_size": 3072, "vocab_size": 128_256, "num_experts": 64, "moe_topk": 8,
    },
    "lfm2_moe": {
        "num_hidden_layers": 24, "layer_types": ["conv", "conv", "full_attention", "conv"] * 6,
    },
    "ministral": _USUAL | {
        "intermediate_size": 12_288, "num_hidden_layers": 36, "vocab_size": 131_072,
        "layer_types": ["full_attention", *["sliding_attention"] * 3] * 9, "sliding_window": 32_768,
    },
    "nemotron": {
        "hidden_size": 3072, "intermediate_size": 9216, "num_attention_heads": 24,
        "num_key_value_heads": 8, "head_dim": 128,
    },
}  # fmt: skip
"""Widths of a real model, for families whose class has no useful defaults."""


def kinds(config: Mapping[str, Any]) -> list[Hashable]:
    """Return for each layer what the configuration says of it; equal layers say the same."""
    many = depth_of(config)
    listed = [value for name, value in config.items() if _per_layer(name, value, many)]
    named = {int(at): each for at, each in (config.get("per_layer_config") or {}).items()}
    numbers = [set(config.get(name) or ()) for name in _NUMBERS]
    return [
        (
            *(str(value[at]) for value in listed),
            str(named.get(at)),
            *(at in each for each in numbers),
            *(at < (config.get(name) or 0) for name in _DENSE),
            at >= many - (config.get("num_kv_shared_layers") or 0),
        )
        for at in range(many)
    ]


def depth_of(config: Mapping[str, Any]) -> int:
    """Return the number of layers."""
    return int(next(config[name] for name in DEPTH if name in config))


def chosen(found: list[Hashable], layers: int) -> list[int]:
    """Return the numbers of at least `layers` layers, among them each kind, in order.

    The first layer of each kind is kept; the others are spread evenly from first to last, for
    common kinds alone: what the model has once stays so.
    """
    first = list(dict.fromkeys(found))
    kept = {found.index(one) for one in first}
    common = [at for at, one in enumerate(found) if Counter(found)[one] > 1 and at not in kept]
    missing = min(layers - len(kept), len(common))
    if missing > 0:
        step = (len(common) - 1) / max(1, missing - 1)
        kept |= {common[-1 - round(at * step)] for at in range(missing)}
    return sorted(kept)


def cut(config: Mapping[str, Any], layers: int) -> dict[str, Any]:
    """Return the configuration of a model with fewer layers: `layers`, or more of them if the
    model has more kinds."""
    many, kept = depth_of(config), chosen(kinds(config), layers)
    found = {
        name: _of(value, kept) if _per_layer(name, value, many) else value
        for name, value in config.items()
    } | {name: len(kept) for name in DEPTH if name in config}
    for name in _DENSE:
        if found.get(name):
            found[name] = sum(at < found[name] for at in kept)
    for name in _NUMBERS:
        if found.get(name):
            found[name] = [to for to, at in enumerate(kept) if at in config[name]]
    if own := config.get("per_layer_config"):
        named = {int(at): each for at, each in own.items()}
        found["per_layer_config"] = {
            str(to): named[at] for to, at in enumerate(kept) if at in named
        }
    if shared := found.get("num_kv_shared_layers"):
        found["num_kv_shared_layers"] = sum(at >= many - shared for at in kept)
    return found


def _per_layer(name: str, value: Any, many: int) -> bool:
    if isinstance(value, str):
        return name in _PATTERNS and len(value) == many
    listed = isinstance(value, (list, tuple))
    return listed and name not in _NUMBERS and len(value) == many


def _of(value: Any, kept: list[int]) -> Any:
    picked = [value[at] for at in kept]
    return "".join(picked) if isinstance(value, str) else picked
