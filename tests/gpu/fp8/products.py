"""The products of an 8B's layers, alone: bfloat16, FP8, and what rounding and turning cost.

Of each shape, in milliseconds: the product in bfloat16; in FP8 with fast sums and with exact ones;
rounding the input with its scales, and turning the weight, both compiled. And the error of FP8's
result, by the norms of the difference and of the product in float32.
"""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import torch

from runner.training.fp8 import rounded

SHAPES = ((4096, 4096), (1024, 4096), (14336, 4096), (4096, 14336))
"""Outputs and inputs: of q and o, of k and v, of gate and up, and of down."""
TOKENS, ODD = 6144, 6151
"""Of a usual pass; and a prime number of them."""
ROUNDS, WARM = 20, 5
Found = dict[str, Any]


def measured(on_card: bool) -> Found:
    """Return the line of the products, with a row for each shape."""
    shapes = SHAPES if on_card else ((64, 32), (32, 64))
    tokens, device = (TOKENS, "cuda") if on_card else (48, "cpu")
    rows = [_shape(outputs, inputs, tokens, device) for outputs, inputs in shapes]
    return {"products": rows}


def probed(on_card: bool) -> Found:
    """Return whether this machine can compute a product of an odd number of tokens: `multiple`,
    what tokens are to be filled up to a multiple of, is 1 then, otherwise 16."""
    given = _operands(*SHAPES[0], ODD, "cuda") if on_card else _operands(64, 32, 37, "cpu")
    error, said = 1.0, ""
    try:
        error = _error(*given)
    except RuntimeError as problem:
        said = str(problem).partition("\n")[0]
    return {
        "odd_error": round(error, 5), "odd_said": said, "multiple": 1 if error < 0.1 else 16,
        "card": torch.cuda.get_device_name() if on_card else "a CPU", "torch": torch.__version__,
    }  # fmt: skip


def _operands(
    outputs: int, inputs: int, tokens: int, device: str
) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(outputs)
    x = torch.randn(tokens, inputs, device=device, dtype=torch.bfloat16)
    weight = 0.02 * torch.randn(outputs, inputs, device=device, dtype=torch.bfloat16)
    return x, weight


def _product(
    left: tuple[torch.Tensor, torch.Tensor], right: tuple[torch.Tensor, torch.Tensor], fast: bool
) -> torch.Tensor:
    (x, tokens), (weight, outputs) = left, right
    return torch._scaled_mm(
        x, weight.t(), scale_a=tokens, scale_b=outputs.reshape(1, -1), out_dtype=torch.bfloat16,
        use_fast_accum=fast,
    )  # fmt: skip


def _error(x: torch.Tensor, weight: torch.Tensor) -> float:
    exact = x.float() @ weight.float().t()
    found = _product(rounded(x), rounded(weight), True).float()
    return float((found - exact).norm() / exact.norm())


def _shape(outputs: int, inputs: int, tokens: int, device: str) -> Found:
    x, weight = _operands(outputs, inputs, tokens, device)
    left, right = rounded(x), rounded(weight)
    quick, turn = torch.compile(rounded, dynamic=False), torch.compile(_turned, dynamic=False)
    ways: Mapping[str, Callable[[], Any]] = {
        "bf16": lambda: x @ weight.t(),
        "fp8": lambda: _product(left, right, True),
        "fp8_exact_sums": lambda: _product(left, right, False),
        "rounding": lambda: quick(x),
        "turning": lambda: turn(right[0]),
    }
    took = {f"{name}_ms": round(_milliseconds(way, device), 4) for name, way in ways.items()}
    flops = 2 * outputs * inputs * tokens
    return {
        "outputs": outputs, "inputs": inputs, "tokens": tokens, **took,
        "bf16_tflops": round(flops / took["bf16_ms"] / 1e9) if took["bf16_ms"] else 0,
        "fp8_tflops": round(flops / took["fp8_ms"] / 1e9) if took["fp8_ms"] else 0,
        "error": round(_error(x, weight), 5),
    }  # fmt: skip


def _turned(weight: torch.Tensor) -> torch.Tensor:
    return weight.t().contiguous()


def _milliseconds(way: Callable[[], Any], device: str) -> float:
    """Return the median time of a call."""
    for _ in range(WARM):
        way()
    found = []
    for _ in range(ROUNDS):
        _wait(device)
        began = time.perf_counter()
        for _ in range(4):  # so that launching does not count
            way()
        _wait(device)
        found.append((time.perf_counter() - began) * 1000 / 4)
    return statistics.median(found)


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()
