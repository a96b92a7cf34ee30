"""The ways in which cards can share the work, and what can be offloaded to main memory.

Less sharding is preferred, since each stage of ZeRO adds traffic between cards, and offloading is
slowest (DeepSpeed's documentation of ZeRO and of offloading).
"""

from collections.abc import Mapping
from typing import Literal

from planner.setup.setup import Kind

Parallel = Literal["single", "ddp", "zero1", "zero2", "zero3", "fsdp2"]
Offload = Literal["none", "optimizer", "all"]
Layout = tuple[Parallel, Offload]

NAMES: Mapping[Parallel, str] = {
    "single": "one card", "ddp": "DDP", "zero1": "ZeRO stage 1", "zero2": "ZeRO stage 2",
    "zero3": "ZeRO stage 3", "fsdp2": "FSDP2",
}  # fmt: skip
"""The name of each way to share the work."""
ZERO_STAGES: Mapping[Parallel, int] = {"zero1": 1, "zero2": 2, "zero3": 3, "fsdp2": 3}
"""What is sharded: 1 the optimizer states, 2 gradients too, 3 weights too."""

_SEVERAL: tuple[Parallel, ...] = ("ddp", "zero1", "zero2", "zero3")
_OFFLOADED_FROM: Mapping[Offload, int] = {"none": 0, "optimizer": 1, "all": 3}
"""The lowest stage of ZeRO that can offload this."""


def layouts(
    ranks: int, parallel: Parallel | None = None, offload: Offload | None = None
) -> tuple[Layout, ...]:
    """Return the layouts for `ranks` cards, fastest first; all, or only the requested ones."""
    offloads: tuple[Offload, ...] = (offload,) if offload else ("none", "optimizer", "all")
    return tuple(
        (shared, kept)
        for kept in offloads
        for shared in _parallels(ranks, parallel, offload)
        if ZERO_STAGES.get(shared, 0) >= _OFFLOADED_FROM[kept]
    )


def _parallels(
    ranks: int, parallel: Parallel | None, offload: Offload | None
) -> tuple[Parallel, ...]:
    if parallel:
        return ("single" if parallel == "ddp" and ranks == 1 else parallel,)
    if ranks > 1:
        return _SEVERAL
    return ("single",) if offload in (None, "none") else ("zero2", "zero3")


def may_offload(method: Kind, offload: Offload, asked: Offload | None) -> bool:
    """Return whether a method may offload this: 4-bit weights only on request."""
    return method != "qlora" or offload != "all" or asked == "all"
