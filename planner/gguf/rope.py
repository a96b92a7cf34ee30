"""The rotary position settings that a GGUF file can represent.

The formulas are those of transformers (`modeling_rope_utils.py`). llama.cpp computes YaRN by
itself with the usual boundaries; other static frequencies it reads from a table of divisors, which
it has for some families only.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Advice
from planner.gguf.family import ELSEWHERE, Config, Family, head_dim, refused, require_positive

KINDS = ("default", "linear", "llama3", "yarn")
_BETA_FAST, _BETA_SLOW = 32.0, 1.0
_SAVE_AGAIN = Advice("save the model again with `save_pretrained`")


@dataclass(frozen=True)
class Rope:
    """The rotary positions of one model, as a GGUF file states them."""

    theta: float
    scaling: str = ""
    """`linear` or `yarn`, computed by llama.cpp; empty for none."""
    factor: float = 1.0
    original_context: int = 0
    """Tokens of context before YaRN; 0 without it."""
    attention: float = 1.0
    """Factor on queries and keys, besides the one that llama.cpp derives for YaRN."""
    divisors: tuple[float, ...] = ()
    """Divisors of the head_dim / 2 frequencies; empty if all are 1."""


def settings(config: Config) -> dict[str, Any]:
    """Return RoPE settings, from `rope_parameters` or the older `rope_scaling` and `rope_theta`."""
    given = config.get("rope_parameters") or config.get("rope_scaling") or {}
    if not isinstance(given, Mapping):
        raise UsageProblem(
            "The RoPE settings in the model's `config.json` are not a table.", fix=_SAVE_AGAIN
        )
    rope = {key: value for key, value in given.items() if value is not None}
    rope.setdefault("rope_theta", config.get("rope_theta", 10000.0))
    rope.setdefault("rope_type", rope.get("type", "default"))
    rope.setdefault("partial_rotary_factor", config.get("partial_rotary_factor", 1.0))
    original = config.get("original_max_position_embeddings") or config["max_position_embeddings"]
    rope.setdefault("original_max_position_embeddings", original)
    return rope


def rope_of(config: Config, family: Family) -> Rope:
    """Return the rotary positions of a completed config.json.

    Raises UsageProblem for a kind, or a setting, that llama.cpp has no equivalent of.
    """
    rope = settings(config)
    if rope["rope_type"] not in KINDS:
        raise refused("rope_type", rope["rope_type"])
    if rope["partial_rotary_factor"] != 1.0:
        raise refused("partial_rotary_factor", rope["partial_rotary_factor"])
    require_positive(rope, "rope_theta")
    theta = float(rope["rope_theta"])
    if rope["rope_type"] == "default":
        return Rope(theta)
    require_positive(rope, "factor", "original_max_position_embeddings")
    if rope["rope_type"] == "linear":
        return Rope(theta, "linear", float(rope["factor"]))
    try:
        made = _scaled(rope, config)
    except ArithmeticError:
        raise refused("rope_theta", theta) from None
    if made.divisors and not family.frequencies:
        raise _no_table(rope["rope_type"], family)
    return made


def _scaled(rope: Mapping[str, Any], config: Config) -> Rope:
    """Return the scaling `llama3` or `yarn`. Raises ArithmeticError for an impossible theta."""
    return _yarn(rope, config) if rope["rope_type"] == "yarn" else _llama3(rope, head_dim(config))


def _no_table(kind: str, family: Family) -> UsageProblem:
    return UsageProblem(
        f"llama.cpp reads no frequencies of its own for `{family.model_type}`, which this "
        f"`{kind}` position scaling needs, so the model cannot be converted to GGUF.",
        fix=ELSEWHERE,
    )


def _llama3(rope: Mapping[str, Any], width: int) -> Rope:
    require_positive(rope, "low_freq_factor", "high_freq_factor")
    low, high = float(rope["low_freq_factor"]), float(rope["high_freq_factor"])
    if low == high:
        raise UsageProblem(
            "A model with `low_freq_factor` = `high_freq_factor` cannot be converted to GGUF.",
            fix=ELSEWHERE,
        )
    theta, factor = float(rope["rope_theta"]), float(rope["factor"])
    context = float(rope["original_max_position_embeddings"])
    divisors = []
    for pair in range(0, width, 2):
        wavelength = 2 * math.pi * theta ** (pair / width)
        smooth = min(1.0, max(0.0, (context / wavelength - low) / (high - low)))
        divisors.append(1.0 / ((1.0 - smooth) / factor + smooth))
    return Rope(theta, divisors=tuple(divisors))


def _yarn(rope: Mapping[str, Any], config: Config) -> Rope:
    """Return YaRN as llama.cpp computes it where its boundaries are the usual ones, else a table.

    llama.cpp multiplies queries and keys by `0.1 ln(factor) + 1` itself when it computes YaRN.
    """
    optional = {"beta_fast": _BETA_FAST, "beta_slow": _BETA_SLOW}
    values = {**rope, **{key: rope.get(key) or usual for key, usual in optional.items()}}
    require_positive(values, *optional)
    factor, theta = float(rope["factor"]), float(rope["rope_theta"])
    original = int(rope["original_max_position_embeddings"])
    attention = _attention(rope, factor)
    usual = all(float(values[key]) == one for key, one in optional.items())
    if usual and rope.get("truncate", True) and factor >= 1:
        return Rope(theta, "yarn", factor, original, attention / _mscale(factor, 1.0))
    low, high = _range(values, head_dim(config), theta, original)
    divisors = []
    for index in range(head_dim(config) // 2):
        interpolated = min(1.0, max(0.0, (index - low) / (high - low)))
        divisors.append(1.0 / (interpolated / factor + 1.0 - interpolated))
    return Rope(theta, attention=attention, divisors=tuple(divisors))


def _attention(rope: Mapping[str, Any], factor: float) -> float:
    """Return the factor that transformers multiplies queries and keys by."""
    for key in ("mscale", "mscale_all_dim"):
        if rope.get(key):
            require_positive(rope, key)
    if rope.get("attention_factor") is not None:
        require_positive(rope, "attention_factor")
        return float(rope["attention_factor"])
    if rope.get("mscale") and rope.get("mscale_all_dim"):
        over, under = float(rope["mscale"]), float(rope["mscale_all_dim"])
        return _mscale(factor, over) / _mscale(factor, under)
    return _mscale(factor, 1.0)


def _mscale(factor: float, scale: float) -> float:
    return 1.0 if factor <= 1 else 0.1 * scale * math.log(factor) + 1.0


def _range(rope: Mapping[str, Any], width: int, theta: float, original: int) -> tuple[float, float]:
    """Return the first and last pair between extrapolated and interpolated frequencies."""

    def pair(rotations: float) -> float:
        return width * math.log(original / (rotations * 2 * math.pi)) / (2 * math.log(theta))

    low, high = pair(float(rope["beta_fast"])), pair(float(rope["beta_slow"]))
    if rope.get("truncate", True):
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, width - 1)
    return low, high + 0.001 if low == high else high
