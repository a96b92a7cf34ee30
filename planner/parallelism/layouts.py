"""The ways in which cards can share the work, and what can be offloaded to main memory.

The fastest that fits is chosen. Where times are equal or not known, less sharding is preferred,
since each stage of ZeRO adds traffic between cards; offloading is slowest (DeepSpeed's
documentation of ZeRO and of offloading).
"""

from collections.abc import Mapping
from typing import Literal

from lockfiles.engines import ENGINES, EngineName
from planner.parallelism.engine import of_engine

Offload = Literal["none", "optimizer", "all", "nvme"]
"""What is kept outside of cards: nothing, the optimizer's states in main memory, or the weights
too; or both on an SSD, which is counted on request, and which no lock can hold."""
Parallel = EngineName
Layout = tuple[Parallel, Offload]

NAMES: Mapping[Parallel, str] = {name: of_engine(name).title for name in ENGINES}
"""Each way to share the work in words."""

_FOR_ONE = tuple(name for name in ENGINES if of_engine(name).for_one)
_FOR_SEVERAL = tuple(name for name in ENGINES if of_engine(name).for_several)


def layouts(
    ranks: int, parallel: Parallel | None = None, offload: Offload | None = None
) -> tuple[Layout, ...]:
    """Return the layouts for `ranks` cards, in order of preference; all, or only the requested
    ones. Unasked, FSDP2 offloads nothing, and no layout offloads what its engine cannot."""
    offloads: tuple[Offload, ...] = (offload,) if offload else ("none", "optimizer", "all")
    return tuple(
        (shared, kept)
        for kept in offloads
        for shared in _parallels(ranks, parallel, offload)
        if kept == "none" or _may_keep(shared, kept, asked=parallel is not None)
        if offload or can_offload(shared, kept)
    )


def can_offload(name: Parallel, offload: Offload) -> bool:
    """Return whether an engine can train with this offloaded. `tunelock fit` still counts what it
    cannot do, on request."""
    return of_engine(name).shards != "fsdp2" or offload != "optimizer"


def _may_keep(name: Parallel, offload: Offload, *, asked: bool) -> bool:
    """Return whether an engine may offload this."""
    planned = of_engine(name)
    if offload == "nvme":
        return planned.shards == "deepspeed" and planned.zero_stage == 3
    return offload in ENGINES[name].offloads and (asked or planned.shards == "deepspeed")


def _parallels(
    ranks: int, parallel: Parallel | None, offload: Offload | None
) -> tuple[Parallel, ...]:
    if parallel:
        return (parallel if ENGINES[parallel].takes(ranks) else "single",)
    if ranks > 1:
        return _FOR_SEVERAL
    return _FOR_ONE[:1] if offload in (None, "none") else _FOR_ONE[1:]


def on_cpu(processes: int, parallel: Parallel | None = None) -> tuple[Layout, ...]:
    """Return the layout of processes that share the cores of a CPU: as asked for where it can be,
    else a full copy of the model in each.

    Nothing is offloaded there.
    """
    able = [name for name, engine in ENGINES.items() if engine.takes(processes)]
    return ((parallel if parallel in able else able[0], "none"),)


def may_offload(method: str, offload: Offload, asked: Offload | None) -> bool:
    """Return whether a method may offload this: 4-bit weights only on request."""
    return method != "qlora" or offload not in ("all", "nvme") or asked == offload


def may_share(method: str, layout: Layout, parallel: Parallel | None, kept: Offload | None) -> bool:
    """Return whether a method may share the model so: 4-bit weights only on request, be it of the
    engine or of what is offloaded."""
    if method != "qlora" or of_engine(layout[0]).zero_stage < 3:
        return True
    return parallel == layout[0] or kept == layout[1] in ("all", "nvme")
