"""Memory of live tensors, storage by storage, as torch's dispatcher creates them."""

import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensor
from torch.utils._python_dispatch import TorchDispatchMode

from runner.trace.allocator import Block, Caching, Exact

_BACKWARDS = frozenset(
    [
        "_scaled_dot_product_flash_attention_for_cpu_backward",
        "_scaled_dot_product_efficient_attention_backward",
    ]
)


class Live(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch types it not
    """Counts live bytes, and keeps the peak of each moment.

    A storage counts from the operation that creates it until nothing references it, so that
    tensors saved by autograd count until autograd releases them.
    """

    def __init__(
        self,
        *,
        as_gpu: bool,
        kernels: Mapping[Any, Callable[..., Any]] | None = None,
        scored: float = 1.0,
    ) -> None:
        """Count as GPU kernels allocate; `kernels` replace the operations they are keyed by.

        `scored` is the share of tokens that a mask selects.
        """
        super().__init__()  # type: ignore[no-untyped-call]
        self.peaks: dict[str, int] = {}
        """The peak of live bytes in each moment."""
        self._as_gpu, self._kernels, self._scored = as_gpu, kernels or {}, scored
        self._memory = Caching() if as_gpu else Exact()
        self._moment = "load"
        self._known: set[int] = set()

    def enter(self, moment: str) -> None:
        """Start or continue a moment; live memory counts in it from here on."""
        self._moment = moment
        self._reach()

    def see(self, tensors: Iterable[object]) -> None:
        """Count tensors that were created elsewhere, except those on the meta device."""
        self._count(tensors)
        self._reach()

    def __torch_dispatch__(
        self,
        operation: Any,
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if kernel := self._kernels.get(operation):
            with self:
                return kernel(*args, **(kwargs or {}))
        made = self._valueless(operation, args)
        if made is None:
            made = operation(*args, **(kwargs or {}))
        if self._as_gpu and operation.overloadpacket.__name__ in _BACKWARDS:
            self._reach(_flash_scratch(args[1], args[2]))
        self._count(_tensors(made))
        if not self._sums_gradients(operation):
            self._reach()
        return made

    def _sums_gradients(self, operation: Any) -> bool:
        """Whether autograd adds to a gradient that nothing else references.

        It does so in place, but not under a dispatch mode, so the new tensor must not count
        (`can_accumulate_inplace` in PyTorch's `torch/csrc/autograd/input_buffer.cpp`).
        """
        adds = operation is torch.ops.aten.add.Tensor
        return adds and "backward" in self._moment and not torch.is_grad_enabled()

    def _valueless(self, operation: Any, args: tuple[Any, ...]) -> Any:
        """Return the result of an operation that needs values, for tensors that have none.

        A mask selects the scored share, and every number is 1.
        """
        if not args or not isinstance(args[0], FakeTensor):
            return None
        if operation is torch.ops.aten.index.Tensor and _by_mask(args):
            tensor, mask = args[0], args[1][0]
            return tensor.new_empty((int(self._scored * mask.numel()), *tensor.shape[mask.dim() :]))
        return 1 if operation is torch.ops.aten._local_scalar_dense.default else None

    def _count(self, tensors: Iterable[object]) -> None:
        for tensor in tensors:
            if isinstance(tensor, torch.Tensor) and tensor.device.type != "meta":
                self._add(tensor.untyped_storage())

    def _add(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if not size or key in self._known:
            return
        self._known.add(key)
        weakref.finalize(storage, self._forget, key, self._memory.take(size))

    def _forget(self, key: int, block: Block) -> None:
        self._known.discard(key)
        self._memory.give(block)

    def _reach(self, scratch: int = 0) -> None:
        """Update the peak with the memory in use and a kernel's temporary memory."""
        size = self._memory.allocated + scratch
        self.peaks[self._moment] = max(self.peaks.get(self._moment, 0), size)


def _tensors(made: object) -> Iterator[object]:
    if isinstance(made, (tuple, list)):
        for each in made:
            yield from _tensors(each)
    else:
        yield made


def _by_mask(args: tuple[Any, ...]) -> bool:
    indices = args[1]
    return len(indices) == 1 and indices[0] is not None and indices[0].dtype == torch.bool


def _flash_scratch(query: torch.Tensor, key: torch.Tensor) -> int:
    """Temporary bytes of FlashAttention's backward kernel on a GPU.

    The gradient of the queries in float32, and those of keys and values for every query head
    (`mha_bwd` in PyTorch's `aten/src/ATen/native/transformers/cuda/flash_attn/flash_api.cpp`).
    The memory-efficient kernel has the first, too (`workspace_elements_gq` in
    `mem_eff_attention/kernel_backward.h`).
    """
    expanded = 2 * query.nbytes if query.shape[1] != key.shape[1] else 0
    return 4 * query.numel() + expanded
