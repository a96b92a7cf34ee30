"""The ways in which cards may share the work, and what may lie in main memory.

Cards share as little as they can, for each stage of ZeRO adds traffic between them, and what
lies in main memory travels slowest (DeepSpeed's documentation of ZeRO and of offloading).
"""

from collections.abc import Mapping

from lockfiles.engines import ENGINES, EngineName
from lockfiles.engines.engine import Offload as Offload
from planner.parallelism.engine import of_engine

Parallel = EngineName
Layout = tuple[Parallel, Offload]

NAMES: Mapping[Parallel, str] = {name: of_engine(name).title for name in ENGINES}
"""Each way to share the work in words."""

_FOR_ONE = tuple(name for name in ENGINES if of_engine(name).for_one)
_FOR_SEVERAL = tuple(name for name in ENGINES if of_engine(name).for_several)


def layouts(
    ranks: int, parallel: Parallel | None = None, offload: Offload | None = None
) -> tuple[Layout, ...]:
    """Return the layouts of `ranks` cards, what costs least time first; all, or those asked for."""
    offloads: tuple[Offload, ...] = (offload,) if offload else ("none", "optimizer", "all")
    return tuple(
        (shared, kept)
        for kept in offloads
        for shared in _parallels(ranks, parallel, offload)
        if kept == "none" or kept in ENGINES[shared].offloads
    )


def _parallels(
    ranks: int, parallel: Parallel | None, offload: Offload | None
) -> tuple[Parallel, ...]:
    if parallel:
        return (parallel if ENGINES[parallel].takes(ranks) else "single",)
    if ranks > 1:
        return _FOR_SEVERAL
    return _FOR_ONE[:1] if offload in (None, "none") else _FOR_ONE[1:]


def on_cpu(processes: int, parallel: Parallel | None = None) -> tuple[Layout, ...]:
    """Return the layout of processes that share the cores of a CPU: as asked for where it can be.

    Nothing is offloaded there.
    """
    able = [name for name, engine in ENGINES.items() if engine.on_cpu and engine.takes(processes)]
    return ((parallel if parallel in able else able[0], "none"),)


def may_offload(method: str, offload: Offload, asked: Offload | None) -> bool:
    """Return whether a method may keep this in main memory: 4-bit weights only where asked for."""
    return method != "qlora" or offload != "all" or asked == "all"
