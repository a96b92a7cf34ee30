"""bitsandbytes' layers and optimizers under fake tensors.

The classes and their autograd functions are bitsandbytes' own. Its kernels cannot run without
values; they are replaced by what they allocate on a GPU (`bitsandbytes/backends/cuda/ops.py`).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch

from planner.setup.setup import Profile
from runner.training.loaded import unquantized

_NF4, _INT8 = "Linear4bit", "Linear8bitLt"
"""bitsandbytes' layers, by name, since a plan without them does not import it."""
_PAGED_LEAST = 100_000
"""Elements from which states are paged (`Optimizer8bit.get_state_buffer`)."""


def convert(model: Any, profile: Profile) -> None:
    """Replace the layers that transformers converts on loading with bitsandbytes' layers."""
    from transformers import BitsAndBytesConfig
    from transformers.quantizers import AutoHfQuantizer

    kinds: dict[int, dict[str, Any]] = {
        4: {
            "load_in_4bit": True,
            "bnb_4bit_quant_type": "nf4",
            "bnb_4bit_use_double_quant": True,
            "bnb_4bit_compute_dtype": profile.dtype,
        },
        8: {"load_in_8bit": True},
    }
    skipped = unquantized(model.config.to_dict())
    chosen = BitsAndBytesConfig(**kinds[profile.quantised_bits], llm_int8_skip_modules=skipped)
    AutoHfQuantizer.from_config(chosen, pre_quantized=False).preprocess_model(
        model=model, device_map=None
    )
    for module in filter(_is_quantised, model.modules()):
        if module.bias is not None:
            module.bias.data = module.bias.data.to(getattr(torch, profile.dtype))
    setattr(model, f"is_loaded_in_{profile.quantised_bits}bit", True)


def weight(module: torch.nn.Module, name: str) -> torch.nn.Parameter | None:
    """Return what a quantized layer holds in place of its weight; None for another tensor."""
    if name != "weight" or not _is_quantised(module):
        return None
    layer: Any = module
    shape = layer.out_features, layer.in_features
    return _nf4(layer, shape) if type(layer).__name__ == _NF4 else _int8(layer, shape)


def _nf4(layer: Any, shape: tuple[int, int]) -> torch.nn.Parameter:
    from bitsandbytes.functional import quantize_4bit

    full = torch.empty(shape, dtype=layer.compute_dtype)
    packed, scale = quantize_4bit(full, compress_statistics=True, quant_type="nf4")
    held = torch.nn.Parameter(packed, requires_grad=False)
    vars(held)["quant_state"] = scale
    layer.support_avx512bf16_for_cpu = False  # it would repack its weight to evaluate on CPU
    return held


def _int8(layer: Any, shape: tuple[int, int]) -> torch.nn.Parameter:
    held = torch.nn.Parameter(torch.empty(shape, dtype=torch.int8), requires_grad=False)
    vars(held).update(CB=None, SCB=None)
    layer.state.CB, layer.state.SCB = held.data, torch.empty(shape[0])
    return held


def scales(model: torch.nn.Module) -> Iterator[object]:
    """Yield the tensors that quantized layers hold in addition to their weights."""
    for layer in layers(model):
        held: Any = layer
        if type(layer).__name__ == _NF4:
            scale = held.weight.quant_state
            yield from (*vars(scale).values(), *vars(scale.state2).values())
        else:
            yield held.state.SCB


def layers(model: torch.nn.Module) -> Iterator[torch.nn.Linear]:
    """Yield a model's quantized layers."""
    for module in model.modules():
        if _is_quantised(module):
            assert isinstance(module, torch.nn.Linear)
            yield module


def _is_quantised(module: torch.nn.Module) -> bool:
    return isinstance(module, torch.nn.Linear) and type(module).__name__ in (_NF4, _INT8)


def changes(gpu: bool) -> Iterator[tuple[Any, str, Any]]:
    """Yield the patches of bitsandbytes, as module, name and value.

    Its table of codes would outlive the fake tensors in it, and it treats CPU tensors differently
    from GPU tensors.
    """
    import bitsandbytes
    from bitsandbytes import functional
    from bitsandbytes.optim.optimizer import Optimizer8bit

    yield functional, "name2qmap", {}
    yield functional, "create_dynamic_map", _codes
    if gpu:
        yield bitsandbytes, "matmul", _matmul
        yield functional, "prefetch_tensor", _nothing
        yield Optimizer8bit, "get_state_buffer", _state_buffer


def kernels() -> Mapping[Any, Callable[..., Any]]:
    """Return, for each operation of bitsandbytes, a function that allocates as its kernel does."""
    import bitsandbytes  # noqa: F401  # defines the operations

    operations = torch.ops.bitsandbytes
    return {
        operations.gemm_4bit.default: _gemm_4bit,
        operations.int8_vectorwise_quant.default: _quantise_rows,
        operations.int8_mixed_scaled_mm.default: _mixed_product,
        operations.optimizer_update_8bit_blockwise.default: _nothing,
        operations.optimizer_update_32bit.default: _nothing,
    }


def _gemm_4bit(
    a: torch.Tensor,
    b: torch.Tensor,
    shape: Sequence[int],
    absmax: torch.Tensor,
    blocksize: int,
    quant_type: str,
    bias: torch.Tensor | None = None,
    absmax_8bit: torch.Tensor | None = None,
    absmax_code: torch.Tensor | None = None,
    absmax_offset: torch.Tensor | None = None,
) -> torch.Tensor:
    """Dequantize the complete weight, as the kernel does from 1537 tokens on."""
    scale = torch.empty(0)
    if absmax_8bit is not None and absmax_offset is not None:
        scale = torch.empty_like(absmax_8bit, dtype=torch.float32) + absmax_offset
    whole = a.new_empty(shape)
    product = torch.nn.functional.linear(a, whole, bias)
    del scale
    return product


def _quantise_rows(
    a: torch.Tensor, threshold: float = 0.0
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
    """Quantize each row separately, and search for outlier columns, finding none."""
    scale = a.new_empty(a.numel() // a.shape[-1], dtype=torch.float32)
    rows = torch.empty_like(a, dtype=torch.int8)
    if threshold == 0.0:
        return rows, scale, None
    outliers = a.abs() >= threshold
    none = a.new_empty(0, dtype=torch.int64)
    del outliers
    return rows, scale, none


def _mixed_product(
    a: torch.Tensor,
    rows: torch.Tensor,
    weight: torch.Tensor,
    *_: torch.Tensor | None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Multiply in int32, convert to float16 and then to the dtype of `a`."""
    shape = *rows.shape[:-1], weight.shape[0]
    whole = rows.new_empty(shape, dtype=torch.int32)
    half = torch.empty_like(whole, dtype=torch.float16)
    product = half.to(a.dtype)
    del whole, half
    return product, a.new_empty(0)


def _matmul(
    a: torch.Tensor,
    b: torch.Tensor,
    out: torch.Tensor | None = None,
    state: Any = None,
    threshold: float = 0.0,
    bias: torch.Tensor | None = None,
) -> Any:
    """Multiply as `bitsandbytes.matmul` does on a GPU."""
    from bitsandbytes.autograd._functions import MatMul8bitLt

    product: Any = MatMul8bitLt
    return product.apply(a, b, out, bias, state)


def _state_buffer(self: Any, p: torch.Tensor, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    """Return an empty state as on a GPU; on the meta device if it is paged."""
    paged = self.is_paged and p.numel() >= _PAGED_LEAST
    room: Any = torch.zeros_like(p, dtype=dtype, device="meta" if paged else None)
    room.is_paged = paged
    return room  # type: ignore[no-any-return]


def _codes(*_: object, **__: object) -> torch.Tensor:
    """Return an empty table for the 256 values of an 8-bit code."""
    return torch.empty(256)


def _nothing(*_: Any, **__: Any) -> None:
    """A kernel that writes to its outputs and allocates nothing."""
