"""A process that has imported the training stack and used no card, from which trainings fork.

Imports take longer than most trainings here. A card that a process has used cannot be used by its
forks; where importing does so, trainings are started as processes of their own.
"""

import os
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from planner.machines.probes.probe import probe
from runner.environments.variables import on_cpu
from tests import ranks as training
from tests.gpu.forked import capability_by_driver

PACKAGES = ("datasets", "peft", "deepspeed", "trl.trainer.sft_trainer", "torch._dynamo")
OPTIONAL = ("bitsandbytes",)
OWN = ("train", "sft", "zero", "fsdp2", "spread", "compiled", "varlen")
_USED = ("re-initialize CUDA", "initialization error", "CUDA driver initialization failed")
_FRESH = "TUNELOCK_FRESH_PROCESSES"
"""The environment variable that forbids forks."""


@cache
def forks() -> bool:
    """Import what trainings need, and return whether they may be forked from this process."""
    os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    with_cards = bool(probe(Path("/")).gpus)
    os.environ["DS_ACCELERATOR"] = "cuda" if with_cards else "cpu"
    if not with_cards:
        os.environ.update(on_cpu())
    import torch

    with capability_by_driver():
        for name in (*PACKAGES, *OPTIONAL):
            if name in PACKAGES or find_spec(name.partition(".")[0]):
                import_module(name)
        for name in OWN:
            import_module(f"runner.training.{name}")
        import_module("tests.gpu.several.bare")
    return not torch.cuda.is_initialized()  # type: ignore[no-untyped-call]


def run(case: training.Case, seconds: float) -> list[dict[str, Any]]:
    """Run a training, and return what each of its processes left, by rank.

    Raises AssertionError with the ends of the logs where one failed or took too long.
    """
    if _FRESH in os.environ or not forks():
        return training.run(case, seconds)
    try:
        return training.run_forked(case, seconds)
    except AssertionError as problem:
        if not any(one in str(problem) for one in _USED):
            raise
        print("forks cannot use a card here: processes are started afresh", flush=True)
        os.environ[_FRESH] = "1"
        return training.run(case, seconds)
