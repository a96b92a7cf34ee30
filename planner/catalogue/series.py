"""Finds the family that a model would need, by the series in its name.

`model_type` of published models, as `tests/data/hub` holds it; a test compares the two.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from planner.catalogue import model_names

_MOST_CHARS = 100
"""Longer names are not searched."""
_OTHER = re.compile(r"d(?:flash|spark)|eagle|hybrid|idefics|internvl|llava|vision|b-.*vl(?![a-z])")
"""What the names of models hold that were built around or for one of a series."""
_MIXTURE = re.compile(r"(?<![a-z0-9])a\d+(?:\.\d+)?[bm](?![a-z])|\d+x\d+b|moe")
"""Active parameters, such as `A3B`, or experts, such as `8x7B`."""


@dataclass(frozen=True)
class Series:
    """Models of one architecture by one maker."""

    pattern: str
    """A regular expression for the start of words in a name, in lower case and with `-` for `_`."""
    family: str
    """`model_type` of its dense models."""
    mixture: str = ""
    """`model_type` of its mixtures of experts, if that is another one."""


SERIES = (
    Series(r"qwen-?3\.8-flash-next", "qwen4_exp"),
    Series(r"qwen-?3\.[5678]", "qwen3_5", "qwen3_5_moe"),
    Series(r"qwen-?3-(?:coder-)?next", "qwen3_next"),
    Series(r"qwen-?3-omni", "qwen3_omni_moe"),
    Series(r"qwen-?3-?vl", "qwen3_vl", "qwen3_vl_moe"),
    Series(r"qwen-?3(?![\d.])", "qwen3", "qwen3_moe"),
    Series(r"qwen-?2\.5-omni", "qwen2_5_omni"),
    Series(r"qwen-?2\.5-?vl", "qwen2_5_vl"),
    Series(r"qwen-?2-?vl", "qwen2_vl"),
    Series(r"qwen-?(?:1\.5|2\.5|2(?![\d.]))", "qwen2", "qwen2_moe"),
    Series(r"gemma-?4-12b", "gemma4_unified"),
    Series(r"gemma-?4(?![\db])", "gemma4"),
    Series(r"gemma-?3n", "gemma3n"),
    Series(r"gemma-?3-(?:270m|1b)", "gemma3_text"),
    Series(r"gemma-?3(?![\db])", "gemma3"),
    Series(r"gemma-?2-\d", "gemma2"),
    Series(r"gemma-(?:1\.1-)?[27]b", "gemma"),
    Series(r"nemotron-3|nemotron-h|nemotron-nano-(?:9|12)b-v2", "nemotron_h"),
    Series(r"llama-?3[.-]3-nemotron-(?:super|ultra)", "nemotron-nas"),
    Series(r"llama-?(?:guard-)?4", "llama4"),
    Series(r"llama-?3\.2-(?:11|90)b", "mllama"),
    Series(r"glm-?5\.3-flash", "glm5_next"),
    Series(r"glm-?5", "glm_moe_dsa"),
    Series(r"glm-?4\.7-flash", "glm4_moe_lite"),
    Series(r"glm-?4\.\dv-(?:9b|flash)", "glm4v"),
    Series(r"glm-?4\.\dv", "glm4v_moe"),
    Series(r"glm-?4\.[567]", "glm4_moe"),
    Series(r"glm-?(?:4|z1)-\d+b-0414", "glm4"),
    Series(r"deepseek-?r1-(?:distill-)?.*qwen3", "qwen3"),
    Series(r"deepseek-?r1-distill-qwen", "qwen2"),
    Series(r"deepseek-?r1-distill-llama", "llama"),
    Series(r"deepseek-?v4\.1", "deepseek_v41"),
    Series(r"deepseek-?v4", "deepseek_v4"),
    Series(r"deepseek-?v3\.2", "deepseek_v32"),
    Series(r"deepseek-?(?:v3|r1)", "deepseek_v3"),
    Series(r"deepseek-?(?:coder-)?v2", "deepseek_v2"),
    Series(r"minimax-?m2", "minimax_m2"),
    Series(r"minimax-?m3", "minimax_m3_vl"),
    Series(r"kimi-?k3", "kimi_k3"),
    Series(r"kimi-?k2\.\d", "kimi_k25"),
    Series(r"kimi-?k2", "kimi_k2"),
    Series(r"kimi-?linear", "kimi_linear"),
    Series(r"lfm-?2(?:\.5)?-?vl", "lfm2_vl"),
    Series(r"lfm-?2", "lfm2", "lfm2_moe"),
    Series(r"granite-?4\.0", "granitemoehybrid"),
    Series(r"granite-?3\.\d-[13]b-a", "granitemoe"),
    Series(r"granite-?(?:3|4)\.\d", "granite"),
    Series(r"laguna", "laguna"),
    Series(r"gpt-?oss-(?:safeguard-)?\d+b", "gpt_oss"),
    Series(r"olmoe", "olmoe"),
    Series(r"olmo-?3", "olmo3"),
    Series(r"olmo-?2", "olmo2"),
    Series(r"smollm-?3-", "smollm3"),
    Series(r"apertus-?v?1\.5", "apertus1p5"),
    Series(r"apertus", "apertus"),
    Series(r"falcon-?h1", "falcon_h1"),
    Series(r"inkling-?2", "inkling2"),
    Series(r"inkling", "inkling_mm_model"),
    Series(r"longcat-?flash", "longcat_flash"),
    Series(r"exaone-?4\.0", "exaone4"),
    Series(r"exaone-?3", "exaone"),
    Series(r"seed-?oss", "seed_oss"),
    Series(r"ernie-?4\.5", "ernie4_5", "ernie4_5_moe"),
    Series(r"mistral-?small-?3\.[12]|ministral-?3-|devstral-small-2-", "mistral3"),
    Series(r"mixtral", "mixtral"),
    Series(r"phi-?(?:3\.5|tiny|mini)-moe", "phimoe"),
    Series(r"phi-?4-multimodal", "phi4_multimodal"),
    Series(r"phi-?(?:3|4)-(?!small)", "phi3"),
    Series(r"pythia", "gpt_neox"),
    Series(r"llama-?[23]|tinyllama|codellama|smollm-|smollm2|falcon-?3", "llama"),
    Series(r"mistral-(?:7b|nemo|large)", "mistral"),
)
"""The series that people tune, the more special before the more general ones."""


def series(name: str) -> Series | None:
    """Return the series that a Hub id or the name of a folder mentions; None if it says none."""
    given = name.lower().rstrip("/").rpartition("/")[2].replace("_", "-")
    if len(given) > _MOST_CHARS or _OTHER.search(given):
        return None
    starts = (rf"(?<![a-z0-9])(?:{one.pattern})" for one in SERIES)
    found = (one for one, start in zip(SERIES, starts, strict=True) if re.search(start, given))
    return next(found, None)


def family(name: str) -> str:
    """Return the `model_type` that a model of this name would have; empty if it says none."""
    found = series(name)
    if found is None:
        return ""
    return found.mixture if found.mixture and _MIXTURE.search(name.lower()) else found.family


def alike(name: str, known: Iterable[str]) -> str:
    """Return the first known name of the same series, version and size; empty if there is none."""
    wanted, parts = series(name), model_names.parse(name)
    if wanted is None or not parts.sizes:
        return ""
    return next(
        (
            one
            for one in known
            if series(one) == wanted and model_names.parse(one).numbers == parts.numbers
        ),
        "",
    )
