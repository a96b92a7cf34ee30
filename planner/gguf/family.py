"""The families of models that GGUF export supports, and what `config.json` may say of them.

The rules follow llama.cpp's own converter and the tensors that its loader reads for a family.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lockfiles.errors import UsageProblem
from lockfiles.fixes import PLAN_AGAIN, Advice, Answer, Command, Steps
from lockfiles.harmless import one_line
from planner.models.folder import list_entries
from planner.models.folder_kinds import check_folder
from planner.models.quantized import check_unquantized
from planner.models.shapes import config_json
from planner.models.shapes.config_json import ConfigJson

Config = Mapping[str, Any]
ELSEWHERE = (
    Steps((Answer("results.gguf", ()), PLAN_AGAIN)),
    Advice("try llama.cpp's own `convert_hf_to_gguf.py`, which may know the model"),
)
"""The hint for a model that cannot be converted."""
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

    model_type: str
    """Its name in config.json."""
    name: str
    """Architecture name inside the GGUF file."""
    permutes: bool = False
    """Whether query and key rows are permuted from halves to interleaved pairs."""
    frequencies: bool = False
    """Whether llama.cpp reads a table of rotary frequency divisors for it."""
    qkv_bias: bool = False
    """Whether queries, keys and values always have a bias."""
    bias_flags: tuple[str, ...] = ()
    """Fields of config.json that add biases which llama.cpp reads."""
    refused_flags: tuple[str, ...] = ()
    """Fields that add biases which llama.cpp does not read."""
    qk_norm: bool = False
    """Whether queries and keys are normalized."""
    any_width: bool = True
    """Whether the heads together may be wider or narrower than `hidden_size`."""
    windowed: bool = False
    """Whether `sliding_window` limits the attention of every layer."""
    defaults: Mapping[str, Any] = field(default_factory=dict)
    """Values of the configuration class for fields that `config.json` may leave out."""


FAMILIES = {
    "LlamaForCausalLM": Family(
        "llama", "llama", permutes=True, frequencies=True,
        bias_flags=("attention_bias", "mlp_bias"),
    ),
    "MistralForCausalLM": Family(
        "mistral", "llama", permutes=True, frequencies=True, windowed=True,
        defaults={"num_key_value_heads": 8, "sliding_window": 4096},
    ),
    "Qwen2ForCausalLM": Family(
        "qwen2", "qwen2", qkv_bias=True, any_width=False, defaults={"num_key_value_heads": 32}
    ),
    "Qwen3ForCausalLM": Family(
        "qwen3", "qwen3", qk_norm=True, refused_flags=("attention_bias",),
        defaults={"num_key_value_heads": 32, "head_dim": 128},
    ),
}  # fmt: skip
"""Every supported family, by the architecture of its config.json."""
MODEL_TYPES = tuple(family.model_type for family in FAMILIES.values())
_DEFAULTS = {"rms_norm_eps": 1e-6, "hidden_act": "silu"}


def read(model_dir: Path) -> Config:
    """Return the config.json of a model folder. Raises UsageProblem."""
    path = model_dir / "config.json"
    if not path.is_file():
        check_folder(model_dir, list_entries(model_dir))
        raise UsageProblem(f"`{model_dir}` has no `config.json`.", fix=Command("ls {}", model_dir))
    config = config_json.read(path)
    check_unquantized(config, str(path))
    return config


def saved_as(config: Config) -> dict[str, Any]:
    """Return a base model's config.json with the architecture that training saves it under.

    Raises UsageProblem for a family that is not supported.
    """
    family = config.get("model_type")
    found = next((name for name, one in FAMILIES.items() if one.model_type == family), "")
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
    return family


def completed(config: Config) -> tuple[Config, Family]:
    """Return a config.json with the defaults of its class, and its family.

    Raises UsageProblem for a family or a setting that GGUF export does not support.
    """
    family = family_of(config)
    given = {key: value for key, value in config.items() if value is not None}
    full = {**_DEFAULTS, **family.defaults, **given}
    if config.get("sliding_window", 0) is None:
        full.pop("sliding_window", None)
    _require_numbers(full, family)
    _refuse_variants(full, family)
    return full, family


def _require_numbers(config: Config, family: Family) -> None:
    """Raise UsageProblem for a config.json that is not that of a saved model."""
    checked = ConfigJson(config, "config.json")
    for key in NEEDED:
        checked.integer(key)
    for key in ("head_dim", "num_key_value_heads", "sliding_window"):
        checked.integer(key, 1)
    heads, kv, width = checked.integer("num_attention_heads"), kv_heads(config), head_dim(config)
    odd = heads * width != checked.integer("hidden_size") and not family.any_width
    if heads % kv or width % 2 or not width or odd:
        raise UsageProblem(
            f"A model with {heads} attention heads of width {width} and {kv} key-value "
            "heads cannot be converted to GGUF.",
            fix=ELSEWHERE,
        )
    require_positive(config, "rms_norm_eps")


def require_positive(values: Config, *keys: str) -> None:
    """Raise UsageProblem for settings that are not finite numbers above 0."""
    for key in keys:
        value = values.get(key)
        number = value if isinstance(value, int | float) and not isinstance(value, bool) else 0
        if not 0 < number < 1e15:
            raise UsageProblem(
                f"`{key}` in the model's `config.json` is not a positive number.",
                fix=Advice("save the model again with `save_pretrained`"),
            )


def _refuse_variants(config: Config, family: Family) -> None:
    """Raise UsageProblem for a setting that GGUF cannot represent."""
    layers = config.get("layer_types") or []
    others = [one for one in layers if one != "full_attention"] if isinstance(layers, list) else []
    wanted: dict[str, tuple[object, tuple[object, ...]]] = {
        "hidden_act": (config["hidden_act"], ("silu",)),
        "use_sliding_window": (bool(config.get("use_sliding_window")), (False,)),
        "layer_types": (others[0] if others and not family.windowed else "", ("",)),
        "quantization_config": ("quantization_config" in config, (False,)),
    }
    for flag in family.refused_flags:
        wanted[flag] = (bool(config.get(flag)), (False,))
    for key, (value, allowed) in wanted.items():
        if value not in allowed:
            raise refused(key, value)


def refused(key: str, value: object) -> UsageProblem:
    """Return the error for a setting of config.json that GGUF export does not support."""
    shown = str(value).lower() if isinstance(value, bool) else one_line(value, most=60)
    return UsageProblem(
        f"A model with `{key}` = `{shown}` cannot be converted to GGUF.", fix=ELSEWHERE
    )


def head_dim(config: Config) -> int:
    """Return the width of one attention head, in elements."""
    return int(config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"])


def kv_heads(config: Config) -> int:
    """Return the number of key-value heads."""
    return int(config.get("num_key_value_heads") or config["num_attention_heads"])


def context(config: Config, family: Family) -> int:
    """Return the tokens of context of the file.

    Up to the width of a sliding window, windowed attention is full attention, which is all that
    llama.cpp computes for these families.
    """
    most = int(config["max_position_embeddings"])
    window = config.get("sliding_window") if family.windowed else None
    return min(most, int(window)) if window else most
