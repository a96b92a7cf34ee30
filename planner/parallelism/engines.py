"""Which of the ways to train this version carries out; a plan can be made for all of them."""

from planner.parallelism.layouts import NAMES, Offload, Parallel
from planner.setup.setup import Device

RUNS: frozenset[tuple[Parallel, Device]] = frozenset(
    [("single", "cpu"), ("single", "cuda"), ("ddp", "cpu")]
)
"""Engine and device of the plans that `tunelock run` carries out."""


def cannot_run(device: Device, engine: Parallel, processes: int, offload: Offload) -> str:
    """Return why this version does not run a plan, as a sentence; empty where it does."""
    if offload == "none" and (engine, device) in RUNS:
        return ""
    way = described(device, engine, processes, offload)
    return f"This version plans {way}, and cannot run it yet."


def described(device: Device, engine: Parallel, processes: int, offload: Offload) -> str:
    """Return how processes share the work, where, and what they offload."""
    cards = "one card" if processes == 1 else f"{processes} cards"
    where = f"on {cards}" if device == "cuda" else f"in {processes} processes"
    tail = {"none": "", "optimizer": ", its optimizer offloaded", "all": ", all offloaded"}
    return f"{NAMES[engine]} {where}{tail[offload]}"
