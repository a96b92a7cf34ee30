"""Layers that torch compiles: one graph for all layers of a kind, for passes of any size.

Evaluations run them uncompiled (`torch.compiler.set_stance`), since a second graph without
gradients would be compiled for them.
"""

from collections.abc import Iterator

import torch
from transformers.modeling_layers import GradientCheckpointingLayer


def compile_layers(model: torch.nn.Module) -> int:
    """Compile the layers of a model, with or without an adapter, and return their number.

    The layers of a kind share their code, so it is compiled once, when it is first called; the
    number of tokens is a variable of it. Checkpointing wraps a compiled layer.

    Python's numbers, such as the scale of an adapter, are constants of the code. As variables they
    would be tensors in main memory, with C++ kernels that take longer to compile than all others.
    """
    torch._dynamo.config.specialize_float = True
    found = list(layers(model))
    for layer in found:
        layer.compile(dynamic=True)
    return len(found)


def layers(model: torch.nn.Module) -> Iterator[torch.nn.Module]:
    """Yield the layers of a decoder: those that transformers can checkpoint."""
    for module in model.modules():
        if isinstance(module, GradientCheckpointingLayer):
            yield module
