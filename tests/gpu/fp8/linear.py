"""The ways to compute the products of a frozen base in FP8 that are measured."""

from collections.abc import Mapping

import torch

from runner.training.fp8 import E5M2, Pair, Way
from runner.training.fp8 import in_fp8 as replaced

WAYS: Mapping[str, Way] = {
    "fp8": Way(),
    "fp8-forward": Way(backward=None),
    "fp8-exact-sums": Way(fast=False),
    "fp8-e5m2": Way(backward=E5M2),
}


def in_fp8(model: torch.nn.Module, way: Way, multiple: int = 1) -> list[Pair]:
    """Let the products of all frozen layers under adapters be computed in FP8, and return what
    these layers were; their memory is free where that is not kept."""
    return list(replaced(model, way, multiple))


def restore(pairs: list[Pair]) -> None:
    """Undo `in_fp8`."""
    for adapter, base in pairs:
        adapter.base_layer = base
