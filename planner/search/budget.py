"""The memory available to a plan: what the machine has, less overheads and a reserve."""

from typing import TYPE_CHECKING

from planner.machines.facts import MachineFacts
from planner.memory import Estimate
from planner.parallelism.engine import PlannedEngine
from planner.setup.setup import Profile

if TYPE_CHECKING:
    from planner.search.rehearsal import Rehearsal

CUDA_CONTEXT_BYTES = 600_000_000
"""What a process uses on a card outside torch's allocator."""
CUDA_RESERVE = 0.02
"""What torch reserves beyond what is allocated, as a share of it, with expandable segments."""
RECORDED, RECORDED_LEAST_BYTES = 0.12, 1_500_000_000
"""What recorded passes may fragment, as a share of their peak, and at least: 2% to 12% of large
peaks on an H100 and an H200, 1.3 GB of one of 6 GB."""
HOST_PROCESS_BYTES = 2_050_000_000
"""Main memory of a training process on a card besides what it offloads; measured on an H200."""
CPU_MARGIN = 0.1
"""Share of main memory that is left to other processes."""


def budget(machine: MachineFacts, rehearsal: "Rehearsal | None" = None, processes: int = 1) -> int:
    """Return the bytes that the estimate of each process may reach.

    Each process has its own card; without cards, all share the main memory. `machine` comes from
    `planner.search.from_answers.counted`. A rehearsal on it measured what a process uses outside
    torch's allocator; what an engine adds to that is counted for each plan (`beyond_peak`). It may
    only raise the allocator's reserve, which depends on the plan: that of engines that share states
    is counted for each plan, too.
    """
    memory = machine.counted_memory_bytes
    if machine.kind == "cpu":
        return int(memory * (1 - CPU_MARGIN)) // processes
    context, reserve = CUDA_CONTEXT_BYTES, CUDA_RESERVE
    if rehearsal and rehearsal.fitted:
        ran, found = rehearsal.case.profile, rehearsal.measured
        if found.context_bytes:
            context = max(0, found.context_bytes - beyond_one(ran.engine))
        reserve = reserve if ran.sharded else max(reserve, found.reserve)
    return max(0, int((memory - context) / (1 + reserve)))


def host_budget(machine: MachineFacts, processes: int) -> int | None:
    """Return the bytes of main memory that each process may offload to; None where the size of
    main memory is unknown."""
    memory = machine.ram_bytes
    return int(memory * (1 - CPU_MARGIN)) // processes if memory else None


def beyond_peak(estimate: Estimate, profile: Profile) -> int:
    """Return the bytes that must be available to a process besides its peak: what the allocator
    keeps, and what several processes use outside the allocator more than one does."""
    if profile.device == "cpu":
        return 0
    return kept_besides(estimate, profile.engine) + beyond_one(profile.engine)


def kept_besides(estimate: Estimate, engine: PlannedEngine) -> int:
    """Return the bytes that the allocator keeps besides a peak."""
    return max(estimate.apart_bytes, round(engine.spare * estimate.peak.peak_bytes))


def with_room(peak_bytes: int, profile: Profile) -> int:
    """Return a peak with what recorded passes may fragment, in bytes."""
    if not profile.graph_sizes:
        return peak_bytes
    return peak_bytes + max(RECORDED_LEAST_BYTES, round(peak_bytes * RECORDED))


def beyond_one(engine: PlannedEngine) -> int:
    """Return what a process uses on a card outside torch's allocator more than a single one."""
    return max(0, engine.outside_bytes - CUDA_CONTEXT_BYTES)


def whole_card_bytes(bytes_wanted: int) -> int:
    """Return the bytes of a card that a process takes if so many must be available to it."""
    return int(bytes_wanted * (1 + CUDA_RESERVE)) + CUDA_CONTEXT_BYTES
