"""Which parallel setups this version can run; all of them can be planned."""

from planner.parallelism.layouts import NAMES, Offload, Parallel
from planner.setup.setup import Device

RUNS: frozenset[tuple[Parallel, Device]] = frozenset(
    [("single", "cpu"), ("single", "cuda"), ("ddp", "cpu")]
)
"""The combinations of engine and device that `tunelock run` supports."""


def cannot_run(device: Device, engine: Parallel, processes: int, offload: Offload) -> str:
    """Return why this version cannot run a plan, as a sentence; empty if it can."""
    if offload == "none" and (engine, device) in RUNS:
        return ""
    way = described(device, engine, processes, offload)
    return f"This version can plan {way}, but cannot run it yet."


def described(device: Device, engine: Parallel, processes: int, offload: Offload) -> str:
    """Return a description of how processes share the work, and what they offload."""
    cards = "one card" if processes == 1 else f"{processes} cards"
    where = f"on {cards}" if device == "cuda" else f"in {processes} processes"
    tail = {"none": "", "optimizer": ", with the optimizer offloaded", "all": ", with full offload"}
    return f"{NAMES[engine]} {where}{tail[offload]}"
