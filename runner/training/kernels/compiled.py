"""Layers that torch compiles: one graph for all layers of a kind, for rows of any length."""

from collections.abc import Iterator

import torch
from transformers.modeling_layers import GradientCheckpointingLayer


def compile_layers(model: torch.nn.Module) -> int:
    """Compile the layers of a model, with or without an adapter, and return their number.

    The layers of a kind share their code, so it is compiled once; the number of tokens is a
    variable of it. Checkpointing wraps a compiled layer.
    """
    count = 0
    for layer in layers(model):
        layer.compile(dynamic=True)
        count += 1
    return count


def layers(model: torch.nn.Module) -> Iterator[torch.nn.Module]:
    """Yield the layers of a decoder: those that transformers can checkpoint."""
    for module in model.modules():
        if isinstance(module, GradientCheckpointingLayer):
            yield module
