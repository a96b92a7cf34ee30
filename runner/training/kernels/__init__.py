"""Kernels that replace a model's own operations, as the lock's `train.kernels` names them."""

from collections.abc import Collection
from typing import Any

import torch

from runner.training.kernels.compiled import compile_layers
from runner.training.kernels.graphs import record


def use(names: Collection[str], model: torch.nn.Module) -> None:
    """Make a model, with or without an adapter, compute with kernels by their names in a lock."""
    if "compile" in names:
        compile_layers(model)
    if "graphs" in names:
        record(_decoder(model))


def _decoder(model: Any) -> Any:
    """Return the layers of a causal language model, below its head."""
    return (model.get_base_model() if hasattr(model, "get_base_model") else model).base_model
