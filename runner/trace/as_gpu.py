"""A GPU's ways under fake tensors on CPU, where torch's CPU operations take other memory.

torch without CUDA cannot make autograd nodes for tensors that say they are on a GPU, so the step
runs on CPU and does what a GPU does at these places. What is not a GPU's way says so.
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
            kwargs["dropout_p"] = 0.0  # a GPU's kernel keeps a seed, CPU's writes the scores out
        if function in _IN_FLOAT32 and torch.is_autocast_enabled("cpu"):
            args = tuple(map(_float32, args))
        return function(*args, **kwargs)


@contextmanager
def whole_rows(padded: bool) -> Iterator[None]:
    """Tell transformers that each row is one sequence, and whether one is padded.

    It would ask the fake tensors, and where it cannot ask, it builds an attention mask that rows
    of one length do not get.
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
    with changed(changes):
        yield


@contextmanager
def as_resident(vocabulary: int) -> Iterator[None]:
    """Count of TRL's tile of logits on CPU the columns that are used.

    The others are allocated too, but a page that nobody writes is never resident.
    """
    from trl.trainer import utils

    name = "_CHUNKED_LOGPROB_CHUNK_SIZE"
    with changed([(utils, name, min(vocabulary, getattr(utils, name)))]):
        yield


@contextmanager
def as_gpu() -> Iterator[None]:
    """Compute dropout, autocast and TRL's loss head with the memory that they take on a GPU."""
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
    """Return, for each operation that takes other memory on a GPU, what allocates as it does."""
    operations = torch.ops.aten
    return {
        operations._safe_softmax.default: _safe_softmax,
        operations._softmax_backward_data.default: _softmax_backward,
    }


def recomputing() -> tuple[AbstractContextManager[None], AbstractContextManager[object]]:
    """Return what a checkpointed layer computes in, and computes in again.

    The backward pass does not know the function mode that the forward pass was in.
    """
    return nullcontext(), _Ways()


@contextmanager
def changed(changes: Iterable[tuple[Any, str, Any]]) -> Iterator[None]:
    """Set attributes, given as holder, name and value, and set them back at the end."""
    changes = list(changes)
    kept = [(module, name, getattr(module, name)) for module, name, _ in changes]
    for module, name, value in changes:
        setattr(module, name, value)
    try:
        yield
    finally:
        for module, name, value in kept:
            setattr(module, name, value)


def _dropout(
    input: torch.Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> torch.Tensor:
    """A GPU's kernel keeps a byte for each element, CPU's a factor."""
    return torch.native_dropout(input, p, True)[0] if training and p > 0 else input


def _safe_softmax(scores: torch.Tensor, dim: int, dtype: torch.dtype | None = None) -> torch.Tensor:
    """Look for rows of -inf with a byte for each score, and set them to 0 in place.

    A fake tensor goes the way of `torch/_decomp`, whose passing tensors nobody sees; this is
    `_safe_softmax` in PyTorch's `aten/src/ATen/native/transformers/attention.cpp`.
    """
    found = torch.empty_like(scores, dtype=dtype)
    masked = torch.empty_like(scores, dtype=torch.bool)
    del masked
    return found


def _softmax_backward(
    gradient: torch.Tensor, output: torch.Tensor, dim: int, input_dtype: torch.dtype
) -> torch.Tensor:
    """Multiply gradient and output beside the result (`softmax_backward_cuda_out` in PyTorch's
    `aten/src/ATen/native/cuda/SoftMax.cu`)."""
    product = torch.empty_like(gradient)
    found = torch.empty_like(output, dtype=input_dtype)
    del product
    return found


def _float32(value: Any) -> Any:
    low = isinstance(value, torch.Tensor) and value.dtype == torch.bfloat16
    return value.float() if low else value


def _nothing(*_: Any, **__: Any) -> None:
    """What a kernel of TRL's does on a GPU: it writes where it is told and takes no memory."""


def _autocasts(_: str = "cpu") -> bool:
    """Whether autocast is on where the step runs; torch means a GPU where none is named."""
    return _autocast_enabled("cpu")


def _yes(_: torch.device) -> bool:
    return True
