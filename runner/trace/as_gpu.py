"""GPU behavior under fake tensors on CPU, for operations whose memory differs on CPU.

torch without CUDA cannot create autograd nodes for fake GPU tensors, so the step runs on CPU, with
these operations replaced. Deviations from a GPU are noted where they occur.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

_functional = torch.nn.functional
_autocast_enabled = torch.is_autocast_enabled
_IN_FLOAT32 = {
    torch.pow, torch.Tensor.pow, torch.Tensor.__pow__, torch.rsqrt, torch.Tensor.rsqrt,
    torch.softmax, torch.Tensor.softmax, _functional.softmax, _functional.layer_norm,
    torch.layer_norm, torch.exp, torch.Tensor.exp, torch.log, torch.Tensor.log,
    torch.cumsum, torch.Tensor.cumsum, torch.sum, torch.Tensor.sum, _functional.softplus,
    torch.log_softmax, torch.Tensor.log_softmax, _functional.log_softmax, torch.log1p, torch.expm1,
    torch.cumprod, torch.Tensor.cumprod, torch.prod, torch.Tensor.prod, torch.norm,
    torch.Tensor.norm, _functional.normalize, torch.reciprocal, torch.Tensor.reciprocal,
    torch.Tensor.__rtruediv__, torch.Tensor.__rdiv__, torch.Tensor.__rpow__,
    _functional.cross_entropy, _functional.group_norm, torch.square, torch.Tensor.square,
}  # fmt: skip
"""What CUDA's autocast computes in float32 and CPU's does not
(https://docs.pytorch.org/docs/stable/amp.html)."""


class _Ways(TorchFunctionMode):
    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = dict(kwargs or {})
        if function is _functional.dropout:
            return _dropout(*args, **kwargs)
        if function is _functional.scaled_dot_product_attention:
            kwargs["dropout_p"] = 0.0  # GPU kernels keep a seed; CPU's materializes the scores
            if args[0].shape[-1] != args[2].shape[-1]:
                return _two_widths(*args[:3], **kwargs)
        if function is torch.Tensor.__getitem__:
            args = (args[0], _everything(args[1]))
        if function in _IN_FLOAT32 and torch.is_autocast_enabled("cpu"):
            args = tuple(map(_float32, args))
        return function(*args, **kwargs)


@contextmanager
def whole_rows(padded: bool) -> Iterator[None]:
    """Make transformers assume one sequence per row, and padding only if rows are padded.

    It would read this from the tensors' values. Without values it builds an attention mask, and
    multiplies the states of recurrent layers by one, which rows of equal length do not get.
    """
    from transformers import masking_utils

    skips = masking_utils._ignore_causal_mask_sdpa

    def unpadded(_: object, *args: Any, **kwargs: Any) -> bool:
        return bool(skips(None, *args, **kwargs))

    changes: list[tuple[Any, str, Any]] = [
        (masking_utils, "find_packed_sequence_indices", _nothing)
    ]
    if not padded:
        changes += [(masking_utils, "_ignore_causal_mask_sdpa", unpadded)]
        changes += [(masking_utils, "is_tracing", _no)]
    with changed(changes):
        yield


@contextmanager
def as_resident(vocabulary: int) -> Iterator[None]:
    """Count only the used columns of TRL's logits tile on CPU.

    The others are allocated too, but pages that are never written are never resident.
    """
    from trl.trainer import utils

    name = "_CHUNKED_LOGPROB_CHUNK_SIZE"
    with changed([(utils, name, min(vocabulary, getattr(utils, name)))]):
        yield


@contextmanager
def as_gpu() -> Iterator[None]:
    """Run dropout, autocast and TRL's loss head with the memory that they use on a GPU."""
    from trl.kernels import chunked_logprob
    from trl.trainer import utils

    head = {"_forward_tile": _nothing, "_backward_tile": _nothing, "_addmm_fp32": _nothing}
    changes: list[tuple[Any, str, Any]] = [
        (chunked_logprob, name, value) for name, value in head.items()
    ]
    changes += [(utils, "_use_triton", _yes), (torch, "is_autocast_enabled", _autocasts)]
    with changed(changes), _Ways():
        yield


def kernels() -> Mapping[Any, Callable[..., Any]]:
    """Return replacements that allocate as a GPU does, for operations whose memory differs."""
    operations = torch.ops.aten
    return {
        operations._safe_softmax.default: _safe_softmax,
        operations._softmax_backward_data.default: _softmax_backward,
    }


def recomputing() -> tuple[AbstractContextManager[None], AbstractContextManager[object]]:
    """Return the contexts of a checkpointed layer's forward pass and of its recomputation.

    The backward pass does not restore the function mode of the forward pass.
    """
    return nullcontext(), _Ways()


@contextmanager
def changed(changes: Iterable[tuple[Any, str, Any]]) -> Iterator[None]:
    """Set attributes, given as object, name and value, and restore them at the end."""
    changes = list(changes)
    kept = [(module, name, getattr(module, name)) for module, name, _ in changes]
    for module, name, value in changes:
        setattr(module, name, value)
    try:
        yield
    finally:
        for module, name, value in kept:
            setattr(module, name, value)


def _two_widths(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attn_mask: torch.Tensor | None = None,
    is_causal: bool = False,
    scale: float | None = None,
    **_: Any,
) -> torch.Tensor:
    """SDPA of values that are wider or narrower than queries, which CPU has no fused kernel for.

    On a GPU it is cuDNN's kernel for some widths, else the memory-efficient one
    (`priority_order` and `check_cudnn_tensor_shapes` in PyTorch's
    `aten/src/ATen/native/transformers/cuda/sdp_utils.cpp`).
    """
    bias = None
    if attn_mask is not None:
        bias = torch.zeros_like(attn_mask, dtype=query.dtype).expand(*query.shape[:3], -1)
    found: torch.Tensor = torch.ops.aten._scaled_dot_product_efficient_attention(
        query, key, value, bias, True, 0.0, is_causal, scale=scale
    )[0]
    return found


def _everything(index: Any) -> Any:
    """Return an index whose masks select everything: their values are not known."""
    if isinstance(index, tuple):
        return tuple(map(_everything, index))
    masks = isinstance(index, torch.Tensor) and index.dtype == torch.bool and index.dim() == 1
    return slice(None) if masks else index


def _dropout(
    input: torch.Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> torch.Tensor:
    """GPU kernels keep one byte per element, CPU's a factor."""
    return torch.native_dropout(input, p, True)[0] if training and p > 0 else input


def _safe_softmax(scores: torch.Tensor, dim: int, dtype: torch.dtype | None = None) -> torch.Tensor:
    """Find rows of -inf with one byte per score, and set them to 0 in place.

    A fake tensor would use `torch/_decomp`, whose temporary tensors are not visible here; this is
    `_safe_softmax` in PyTorch's `aten/src/ATen/native/transformers/attention.cpp`.
    """
    found = torch.empty_like(scores, dtype=dtype)
    masked = torch.empty_like(scores, dtype=torch.bool)
    del masked
    return found


def _softmax_backward(
    gradient: torch.Tensor, output: torch.Tensor, dim: int, input_dtype: torch.dtype
) -> torch.Tensor:
    """Allocate gradient times output next to the result (`softmax_backward_cuda_out` in PyTorch's
    `aten/src/ATen/native/cuda/SoftMax.cu`)."""
    product = torch.empty_like(gradient)
    found = torch.empty_like(output, dtype=input_dtype)
    del product
    return found


def _float32(value: Any) -> Any:
    low = isinstance(value, torch.Tensor) and value.dtype == torch.bfloat16
    return value.float() if low else value


def _nothing(*_: Any, **__: Any) -> None:
    """What TRL's kernels do on a GPU: they write to their outputs and allocate nothing."""


def _autocasts(_: str = "cpu") -> bool:
    """Whether autocast is on for CPU, where the step runs; torch's default is the GPU's."""
    return _autocast_enabled("cpu")


def _no(*_: object) -> bool:
    return False


def _yes(_: torch.device) -> bool:
    return True
