"""Checks the rotary embedding of a `config.json` against what transformers computes.

Sources: `modeling_rope_utils.py` and the configuration classes of Phi-3 and Qwen2-VL. transformers
warns about some of these values while it reads them, and fails or computes wrong angles later.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice
from lockfiles.harmless import one_line

KINDS: Mapping[str, tuple[str, ...]] = {
    "default": (),
    "linear": ("factor",),
    "dynamic": ("factor",),
    "yarn": ("factor",),
    "longrope": ("short_factor", "long_factor"),
    "llama3": ("factor", "low_freq_factor", "high_freq_factor"),
    "proportional": (),
}
"""The types of transformers, with the fields that each requires."""
_SECTIONS = {"mrope": "default"}
_ALIASES: Mapping[str, Mapping[str, str]] = {
    "phi3": {"su": "longrope", "yarn": "longrope"},
    "qwen2_vl": _SECTIONS,
    "qwen2_vl_text": _SECTIONS,
    "qwen2_5_vl": _SECTIONS,
    "qwen2_5_vl_text": _SECTIONS,
}
"""Other names of a type, which the configuration class of a family replaces."""
_ONLY: Mapping[str, tuple[str, ...]] = {"phi3": ("default", "longrope")}
_LEARNED = frozenset(["bloom", "gpt2", "gpt_bigcode", "opt"])
"""Families without a rotary embedding."""
_NUMBERS = (
    "factor", "rope_theta", "low_freq_factor", "high_freq_factor",
    "original_max_position_embeddings", "partial_rotary_factor", "attention_factor", "beta_fast",
    "beta_slow",
)  # fmt: skip
_ORIGINAL = "original_max_position_embeddings"
_LISTS = ("short_factor", "long_factor")


def check_rope(values: Mapping[str, Any], kind: object, path: Path) -> None:
    """Raise UsageProblem for a rotary embedding that transformers does not know or cannot compute.

    `values` are the decoder's fields of the `config.json` at `path`, and `kind` its `model_type`.
    """
    if not isinstance(kind, str) or kind in _LEARNED:
        return  # refused with the other fields
    for key in ("rope_parameters", "rope_scaling"):
        table = values.get(key)
        if isinstance(table, Mapping):
            for one in _tables(table, values):
                if why := _fault(one, values, kind):
                    raise UsageProblem(
                        f"`{key}` in `{path}` {why}.",
                        fix=Advice(
                            f"copy or download `{path.name}` again, from the model that the "
                            "weights belong to"
                        ),
                    )


def _tables(table: Mapping[str, Any], values: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the settings: one table, or one for each type of layer."""
    types = values.get("layer_types")
    labels = ["full_attention", "sliding_attention", *(types if isinstance(types, list) else ())]
    nested = [one for name, one in table.items() if name in labels and isinstance(one, Mapping)]
    yield from nested or [table]


def _fault(table: Mapping[str, Any], values: Mapping[str, Any], family: str) -> str:
    """Return what is wrong with the settings, as the end of a sentence; empty if nothing is."""
    said = table.get("rope_type", table.get("type", "default"))
    kind = _ALIASES.get(family, {}).get(str(said), said)
    known = _ONLY.get(family, tuple(KINDS))
    if not isinstance(kind, str) or kind not in known:
        several = ", ".join(f"`{one}`" for one in known)
        return (
            f"has the type `{one_line(said, most=40)}`, which transformers does not know for "
            f"`{one_line(family, most=40)}`: it knows {several}"
        )
    required = (*KINDS[kind], *([_ORIGINAL] if said == "su" else ()))  # not taken from the context
    if lost := [key for key in required if table.get(key) is None]:
        return f"has the type `{one_line(said, most=40)}`, but no `{lost[0]}`"
    for key in _NUMBERS:
        value = table.get(key)
        if value is not None and not (_number(value) and value > 0):
            return f"has the {key} `{one_line(value, most=40)}`, which is not a number above 0"
    if kind == "llama3" and table["high_freq_factor"] <= table["low_freq_factor"]:
        return "has a `high_freq_factor` that is not above its `low_freq_factor`"
    return _factors(table, values) if kind == "longrope" else ""


def _factors(table: Mapping[str, Any], values: Mapping[str, Any]) -> str:
    """Return what is wrong with the factors of longrope: one for each pair of rotated values."""
    pairs = _pairs(table, values)
    for key in _LISTS:
        factors = table[key]
        if not isinstance(factors, list) or not all(_number(one) and one > 0 for one in factors):
            return f"has a `{key}` that is not a list of numbers above 0"
        if pairs and len(factors) != pairs:
            return f"has {len(factors):,} numbers in `{key}`, but the model rotates {pairs} pairs"
    return ""


def _pairs(table: Mapping[str, Any], values: Mapping[str, Any]) -> int:
    """Return the pairs of values that are rotated in a head; 0 if unknown."""
    hidden, heads = values.get("hidden_size"), values.get("num_attention_heads")
    width = values.get("head_dim")
    if type(width) is not int and type(hidden) is int and type(heads) is int and heads > 0:
        width = hidden // heads
    share = table.get("partial_rotary_factor", values.get("partial_rotary_factor"))
    share = 1.0 if share is None else share
    return int(width * share) // 2 if type(width) is int and _number(share) else 0


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
