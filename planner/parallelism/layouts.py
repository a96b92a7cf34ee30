"""The ways in which cards may share the work, and what may lie in main memory.

Cards share as little as they can, for each stage of ZeRO adds traffic between them, and what
lies in main memory travels slowest (DeepSpeed's documentation of ZeRO and of offloading).
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
"""Each way to share the work in words."""
ZERO_STAGES: Mapping[Parallel, int] = {"zero1": 1, "zero2": 2, "zero3": 3, "fsdp2": 3}
"""What cards share: the optimizer's states; from 2 on gradients too; from 3 on weights too."""

_SEVERAL: tuple[Parallel, ...] = ("ddp", "zero1", "zero2", "zero3")
_OFFLOADED_FROM: Mapping[Offload, int] = {"none": 0, "optimizer": 1, "all": 3}
"""Least stage of ZeRO that can keep this in main memory."""


def layouts(
    ranks: int, parallel: Parallel | None = None, offload: Offload | None = None
) -> tuple[Layout, ...]:
    """Return the layouts of `ranks` cards, what costs least time first; all, or those asked for."""
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
    """Return whether a method may keep this in main memory: 4-bit weights only where asked for."""
    return method != "qlora" or offload != "all" or asked == "all"
