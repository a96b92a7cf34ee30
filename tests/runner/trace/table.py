"""`python -m tests.runner.trace.table [NAME ...]`: which families of transformers can be traced.

Prints a line for each: the peak in MiB and the seconds, or why not. NAME is a `model_type`; without
any, it is every family with a causal language model.
"""

import logging
import sys
import time
import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from planner.memory import Profile
from tests.runner.trace.families import MIB, PLAN

FIELDS: Mapping[str, dict[str, Any]] = {}
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

    config, plan = config_of(name), plan_of(method)
    base, *_ = samples(layer_kinds(config, plan))
    return max(peaks(config, plan, base).values())


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
