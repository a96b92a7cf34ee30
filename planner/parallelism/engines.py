"""Which parallel setups this version can run, and which no engine can."""

from lockfiles.engines import NAMES as ENGINES
from planner.parallelism.engine import Device, of_engine
from planner.parallelism.layouts import NAMES, Offload, Parallel, can_offload

RUNS: frozenset[tuple[Parallel, Device]] = frozenset(
    (engine, device) for engine in ENGINES for device in of_engine(engine).runs
)
"""The combinations of engine and device that `tunelock run` supports."""


def cannot_run(
    device: Device, engine: Parallel, processes: int, offload: Offload, method: str = ""
) -> str:
    """Return why this version cannot run a plan, as a sentence; empty if it can."""
    if sentence := never(engine, offload, method):
        return sentence
    if (engine, device) in RUNS and (offload == "none" or device == "cuda"):
        return ""
    way = described(device, engine, processes, offload)
    return f"This version can plan {way}, but cannot run it yet."


def never(engine: Parallel, offload: Offload, method: str = "") -> str:
    """Return why an engine cannot train so on any device, as a sentence; empty if it can."""
    planned = of_engine(engine)
    if method == "qlora" and planned.zero_stage == 3:
        return (
            f"{planned.title} cannot share a base in NF4: bitsandbytes packs weights, and keeps "
            "their scales outside of them."
        )
    if not can_offload(engine, offload):
        return f"{planned.title} cannot offload the optimizer without the weights."
    return ""


def described(
    device: Device, engine: Parallel, processes: int, offload: Offload, nodes: int = 1
) -> str:
    """Return a description of how processes share the work, and what they offload."""
    cards = "one card" if processes == 1 else f"{processes} cards"
    where = f"on {cards}" if device == "cuda" else f"in {processes} processes"
    if nodes > 1:
        where += f" {'of' if device == 'cuda' else 'on'} {nodes} machines"
    tail = {"none": "", "optimizer": ", with the optimizer offloaded", "all": ", with full offload"}
    return f"{NAMES[engine]} {where}{tail.get(offload, ', with full offload to NVMe')}"
