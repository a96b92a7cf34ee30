"""The ways in which cards may share the work, and what may lie in main memory.

Cards share as little as they can, for each stage of ZeRO adds traffic between them, and what
lies in main memory travels slowest (DeepSpeed's documentation of ZeRO and of offloading).
"""

from collections.abc import Mapping

from planner.candidates import Kind
from planner.fit.wish import ZERO_STAGES, Offload, Parallel, Wish

Layout = tuple[Parallel, Offload]

NAMES: Mapping[Parallel, str] = {
    "single": "one card", "ddp": "DDP", "zero1": "ZeRO stage 1", "zero2": "ZeRO stage 2",
    "zero3": "ZeRO stage 3", "fsdp2": "FSDP2",
}  # fmt: skip
"""Each way to share the work in words."""

_SEVERAL: tuple[Parallel, ...] = ("ddp", "zero1", "zero2", "zero3")
_OFFLOADED_FROM: Mapping[Offload, int] = {"none": 0, "optimizer": 1, "all": 3}
"""Least stage of ZeRO that can keep this in main memory."""


def layouts(wish: Wish, ranks: int) -> tuple[Layout, ...]:
    """Return the layouts of `ranks` cards that a wish allows, what costs least time first."""
    offloads: tuple[Offload, ...] = ("none", "optimizer", "all")
    offloads = (wish.offload,) if wish.offload else offloads
    return tuple(
        (parallel, offload)
        for offload in offloads
        for parallel in _parallels(wish, ranks)
        if ZERO_STAGES.get(parallel, 0) >= _OFFLOADED_FROM[offload]
    )


def _parallels(wish: Wish, ranks: int) -> tuple[Parallel, ...]:
    if wish.parallel:
        return ("single" if wish.parallel == "ddp" and ranks == 1 else wish.parallel,)
    if ranks > 1:
        return _SEVERAL
    return ("single",) if wish.offload in (None, "none") else ("zero2", "zero3")


def may_offload(method: Kind, offload: Offload, wish: Wish) -> bool:
    """Return whether a method may keep this in main memory: 4-bit weights only where it is set."""
    return method != "qlora" or offload != "all" or wish.offload == "all"
