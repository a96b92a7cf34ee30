"""Bytes of the tensors that live, storage by storage, as torch's dispatcher makes them."""

import weakref
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

_BACKWARD = "_scaled_dot_product_flash_attention_for_cpu_backward"


class Live(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch types it not
    """Counts live bytes, and remembers the most of each moment.

    A storage counts from the operation that makes it until nothing holds it any more, so that
    what autograd has saved counts as long as it is saved.
    """

    def __init__(self, *, as_gpu: bool) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.peaks: dict[str, int] = {}
        """The most bytes that lived in each moment."""
        self._as_gpu = as_gpu
        self._moment, self._live = "load", 0
        self._known: set[int] = set()

    def enter(self, moment: str) -> None:
        """Begin a moment, or go on with it; what lives counts in it from now on."""
        self._moment = moment
        self._reach(self._live)

    def see(self, tensors: Iterable[object]) -> None:
        """Count tensors that were made elsewhere."""
        for tensor in tensors:
            if isinstance(tensor, torch.Tensor):
                self._add(tensor.untyped_storage())

    def __torch_dispatch__(
        self,
        operation: Any,
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if self._as_gpu and operation is torch.ops.aten.index.Tensor and _by_mask(args):
            made = _picked(*args)
        else:
            made = operation(*args, **(kwargs or {}))
        if self._as_gpu and operation.overloadpacket.__name__ == _BACKWARD:
            self._reach(self._live + _flash_scratch(args[1], args[2]))
        self.see(_tensors(made))
        return made

    def _add(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        if key in self._known:
            return
        self._known.add(key)
        self._live += size
        self._reach(self._live)
        weakref.finalize(storage, self._forget, key, size)

    def _forget(self, key: int, size: int) -> None:
        self._known.discard(key)
        self._live -= size

    def _reach(self, size: int) -> None:
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


def _picked(tensor: torch.Tensor, indices: list[torch.Tensor]) -> torch.Tensor:
    """Return what a mask picks where it picks everything; fake tensors have no values to ask."""
    mask = indices[0]
    return tensor.new_empty((mask.numel(), *tensor.shape[mask.dim() :]))


def _flash_scratch(query: torch.Tensor, key: torch.Tensor) -> int:
    """Bytes that FlashAttention's backward kernel takes on a GPU and gives back.

    The gradient of the queries in float32, and those of keys and values for every query head
    (`mha_bwd` in PyTorch's `aten/src/ATen/native/transformers/cuda/flash_attn/flash_api.cpp`).
    """
    expanded = 2 * query.nbytes if query.shape[1] != key.shape[1] else 0
    return 4 * query.numel() + expanded
