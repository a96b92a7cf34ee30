"""Layers that torch compiles: one graph for all layers of a kind, for passes of any size.

Evaluations run them uncompiled (`torch.compiler.set_stance`), since a second graph without
gradients would be compiled for them.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch.nn.modules.dropout import _DropoutNd
from transformers.modeling_layers import GradientCheckpointingLayer

OPTIONS = {"triton.mix_order_reduction": False}
"""Of torch's compiler. With that fusion, a layer whose norms are trained is compiled up to three
times for a card: its code depends on whether a pass has 4,096 tokens, twice as many as the width,
and 5 million elements (`MixOrderReduction.can_fuse`). A step in the middle of a run then took 5 to
7 s longer, and passes of either size are as fast without."""


def compile_layers(model: torch.nn.Module) -> int:
    """Compile the layers of a model, with or without an adapter, and return their number.

    The layers of a kind share their code, so it is compiled once, when it is first called; the
    number of tokens is a variable of it. Checkpointing is part of that code, unless it draws random
    numbers.

    Python's numbers, such as the scale of an adapter, are constants of the code. As variables they
    would be tensors in main memory, with C++ kernels that take longer to compile than all others.
    Dimensions that are equal by chance are variables of their own: code that is compiled for a pass
    of as many tokens as the layer is wide would be for no other pass.
    """
    torch._dynamo.config.specialize_float = True
    torch.fx.experimental._config.use_duck_shape = False
    found = list(layers(model))
    for layer in found:
        layer.compile(dynamic=True, options=OPTIONS)
        if draws(layer):
            _checkpoint_around(layer)
    return len(found)


def layers(model: torch.nn.Module) -> Iterator[torch.nn.Module]:
    """Yield the layers of a decoder: those that transformers can checkpoint."""
    for module in model.modules():
        if isinstance(module, GradientCheckpointingLayer):
            yield module


def draws(layer: torch.nn.Module) -> bool:
    """Return whether a layer draws random numbers in training: for dropout, or for the jitter of a
    router."""
    return any(
        (name == "p" if isinstance(module, _DropoutNd) else "dropout" in name or "jitter" in name)
        and isinstance(value, float)
        and value > 0
        for module in layer.modules()
        for name, value in vars(module).items()
    )


def _checkpoint_around(layer: Any) -> None:
    """Let checkpointing call the compiled code, instead of being part of it.

    For a card, torch cannot divide code into forward and backward if it draws random numbers and
    computes them again (https://github.com/huggingface/peft/issues/3020, seen with torch 2.11).
    """
    compiled = layer._compiled_call_impl

    def plain(*given: Any, **named: Any) -> Any:
        if not torch._dynamo.config.specialize_float:  # backward passes have threads of their own
            torch._dynamo.config.specialize_float = True
        layer.gradient_checkpointing = False
        try:
            return compiled(*given, **named)
        finally:
            layer.gradient_checkpointing = True

    def called(*given: Any, **named: Any) -> Any:
        if layer.gradient_checkpointing and layer.training:
            return layer._gradient_checkpointing_func(plain, *given, **named)
        return compiled(*given, **named)

    layer._compiled_call_impl = called
