"""`python -m tests.runner.trace.table [NAME ...]`: which families of transformers can be traced.

Prints a line for each: the peak in MiB and the seconds, or why not. NAME is a `model_type`; without
any, it is every family with a causal language model.
"""

import contextlib
import logging
import sys
import time
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lockfiles.errors import UsageProblem
from planner.memory import Profile
from planner.models.architecture import Architecture, architecture
from tests.runner.trace.families import MIB, PLAN, with_targets

_ROPE = {"rope_type": "default", "rope_theta": 10_000.0}
_INDEXER = {
    "indexer_n_heads": 4, "indexer_kv_heads": 1, "indexer_head_dim": 256, "indexer_budget": 512,
    "indexer_compress_ratio": 4,
}  # fmt: skip
FIELDS: Mapping[str, dict[str, Any]] = {
    "cohere_compass_text": {
        "rope_parameters": {"full_attention": _ROPE, "sliding_attention": _ROPE}
    },
    "dbrx": {"attn_config": {"rope_theta": 10_000.0, "clip_qkv": 8.0}},
    "deepseek_v2": {"num_experts_per_tok": 6, "moe_intermediate_size": 1408},
    "emu3": {"vocabulary_map": {"<image>": 0}},
    "qwen4_exp": {"text_config": _INDEXER},
    "qwen4_exp_text": _INDEXER,
    "dots1": {"n_routed_experts": 8, "n_shared_experts": 1, "num_experts_per_tok": 2},
}
"""What a class needs to build a model and has no default for."""


def plan_of(method: str) -> Profile:
    """Return a small plan of a method."""
    adapted = {"method": "lora"} if method == "lora" else {"method": "full", "rank": 0}
    return replace(PLAN, **adapted, length=32, micro_batch=1, dropout=0.0, checkpointing=True)


def config_of(name: str) -> dict[str, Any]:
    """Return what a `config.json` with the defaults of a family's class says."""
    from transformers import CONFIG_MAPPING

    made = CONFIG_MAPPING[name](**FIELDS.get(name, {}))
    return dict(made.to_dict()) | {"model_type": name}


def peak(name: str, method: str = "lora") -> int:
    """Return the peak of a model with the first and the last of each kind of its layers."""
    from runner.trace.depths import samples
    from runner.trace.model import layer_kinds
    from runner.trace.step import peaks

    config = config_of(name)
    plan = with_targets(plan_of(method), _shape(config))
    base, *_ = samples(layer_kinds(config, plan))
    return max(peaks(config, plan, base).values())


def _shape(config: Mapping[str, Any]) -> Architecture | None:
    with contextlib.suppress(UsageProblem):
        return architecture(config, "config.json")
    return None


def names() -> list[str]:
    """Return every family of transformers with a causal language model."""
    from transformers.models.auto import modeling_auto

    return sorted(modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)


def failure(name: str) -> str:
    """Return why a family cannot be traced; empty if it can."""
    try:
        peak(name)
    except Exception as problem:
        said = (str(problem).splitlines() or [""])[0]
        return f"{type(problem).__name__}: {said[:150]}"
    return ""


def main() -> None:
    """Print the table."""
    warnings.simplefilter("ignore")
    logging.disable(logging.ERROR)
    for name in sys.argv[1:] or names():
        begun = time.monotonic()
        try:
            said = f"{peak(name) / MIB:,.0f} MiB"
        except Exception as problem:
            said = f"{type(problem).__name__}: {(str(problem).splitlines() or [''])[0][:150]}"
        print(f"{name}: {said} ({time.monotonic() - begun:.1f} s)", flush=True)


if __name__ == "__main__":
    main()
