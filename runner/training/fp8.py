"""Frozen linear layers whose products are computed in FP8, by `torch._scaled_mm`.

A weight is kept in e4m3 with a scale for each output: 1 byte instead of the 2 of bfloat16. The
input of a product is rounded when it is read, with a scale for each token.

The gradient of an input is `(gradient * scales of the weight) @ weight`: the scales belong to the
summed dimension there, so the gradient is multiplied by them before it is rounded, and both
products read the same weights. FP8 units read the summed dimension of both sides in order. So the
backward product needs the transpose, which is made in each pass and not kept.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from peft.tuners.lora import LoraLayer
from torch.nn import functional

from planner.memory.fp8 import is_rounded
from runner.training.compiled import layers

E4M3, E5M2 = torch.float8_e4m3fn, torch.float8_e5m2
LEAST = 1e-30
"""The greatest number of a row, at least: gradients are small, and blank rows are zero."""


@dataclass(frozen=True)
class Way:
    """How the products of a layer are computed."""

    backward: torch.dtype | None = E4M3
    """What gradients are rounded to; None for products in the dtype of the gradient, with the
    weights of the forward product."""
    fast: bool = True
    """Whether the backward product adds up in fewer bits, as the forward one does."""


CHOSEN = Way()
"""How training computes them."""
Pair = tuple[LoraLayer, torch.nn.Linear]
"""An adapter and the layer under it."""


def rounded(given: torch.Tensor, kind: torch.dtype = E4M3) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a matrix in FP8 and the float32 scale of each row, `[rows, 1]`."""
    wide = given.float()
    scale = wide.abs().amax(-1, keepdim=True).clamp(min=LEAST) / torch.finfo(kind).max
    return (wide * scale.reciprocal()).to(kind), scale


class _Product(torch.autograd.Function):
    """`x @ weight.T` with the shapes `[tokens, inputs]` and `[outputs, inputs]`."""

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, weight: torch.Tensor, scale: torch.Tensor, ones: torch.Tensor,
        kind: torch.dtype | None, fast: bool, dtype: torch.dtype,
    ) -> torch.Tensor:  # fmt: skip
        ctx.save_for_backward(weight, scale, ones)
        ctx.kind, ctx.fast, ctx.dtype = kind, fast, x.dtype
        own, tokens = rounded(x)
        return torch._scaled_mm(
            own, weight.t(), scale_a=tokens, scale_b=scale, out_dtype=dtype, use_fast_accum=True
        )

    @staticmethod
    def backward(ctx: Any, *received: torch.Tensor) -> Any:
        weight, scale, ones = ctx.saved_tensors
        gradient = received[0].float() * scale
        if ctx.kind is None:
            dtype = received[0].dtype
            found = gradient.to(dtype) @ weight.to(dtype)
        else:
            own, tokens = rounded(gradient, ctx.kind)
            turned = weight.t().contiguous()
            found = torch._scaled_mm(
                own, turned.t(), scale_a=tokens, scale_b=ones, out_dtype=received[0].dtype,
                use_fast_accum=ctx.fast,
            )  # fmt: skip
        return found.to(ctx.dtype), *[None] * 6


@torch._dynamo.allow_in_graph  # type: ignore[untyped-decorator]
def _product(*given: Any) -> Any:
    """Call `_Product`; torch compiles its operations and fuses them with others, but dynamo, which
    fails on two calls with the same input, does not look inside."""
    return _Product.apply(*given)  # type: ignore[no-untyped-call]


class Fp8Linear(torch.nn.Module):
    """A frozen linear layer with products in FP8, whose tokens are filled up to a multiple of
    `multiple`."""

    scale: torch.Tensor
    ones: torch.Tensor

    def __init__(self, given: torch.nn.Linear, way: Way = CHOSEN, multiple: int = 1) -> None:
        super().__init__()
        self.in_features, self.out_features = given.in_features, given.out_features
        weight, scale = rounded(given.weight.detach())
        self.weight = torch.nn.Parameter(weight, requires_grad=False)
        self.register_buffer("scale", scale.reshape(1, -1), persistent=False)
        ones = torch.ones(1, given.in_features, device=weight.device)
        self.register_buffer("ones", ones, persistent=False)
        self.bias = given.bias
        self._way, self._dtype = (way.backward, way.fast), given.weight.dtype
        self._multiple = multiple

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the product with a bias, if there is one: `[..., inputs]` to `[..., outputs]`."""
        flat = x.reshape(-1, self.in_features)
        tokens = flat.shape[0]
        if self._multiple > 1:
            flat = functional.pad(flat, (0, 0, 0, -tokens % self._multiple))
        found: torch.Tensor = _product(
            flat, self.weight, self.scale, self.ones, *self._way, self._dtype
        )
        if self._multiple > 1:
            found = found[:tokens]
        found = found.view(*x.shape[:-1], self.out_features)
        return found if self.bias is None else found + self.bias


def round_base(model: torch.nn.Module) -> int:
    """Let the products of a model's frozen layers be computed in FP8, and return their number."""
    found = sum(1 for _ in in_fp8(model))
    if torch.cuda.is_available():
        torch.cuda.empty_cache()  # of the weights as they were loaded
    return found


def in_fp8(model: torch.nn.Module, way: Way = CHOSEN, multiple: int = 1) -> Iterator[Pair]:
    """Yield each frozen layer under an adapter of a decoder's layers, with its adapter, as soon as
    its products are computed in FP8. Its memory is free where it is not kept."""
    every = [one for layer in layers(model) for one in layer.modules()]
    for adapter in (one for one in every if isinstance(one, LoraLayer)):
        base = adapter.get_base_layer()
        if type(base) is torch.nn.Linear and is_rounded(base.in_features, base.out_features):
            adapter.base_layer = Fp8Linear(base, way, multiple)
            yield adapter, base
