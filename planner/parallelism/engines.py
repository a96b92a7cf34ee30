"""Which of the ways to train this version carries out; a plan can be made for all of them."""

from lockfiles.engines import NAMES as ENGINES
from planner.parallelism.engine import Device, of_engine
from planner.parallelism.layouts import NAMES, Offload, Parallel

RUNS: frozenset[tuple[Parallel, Device]] = frozenset(
    (engine, device) for engine in ENGINES for device in of_engine(engine).runs
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
