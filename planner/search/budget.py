"""What a plan may need: the memory that is counted, less what the process and the rest take."""

from typing import TYPE_CHECKING

from planner.machines.facts import MachineFacts

if TYPE_CHECKING:
    from planner.search.rehearsal import Rehearsal

CUDA_CONTEXT_BYTES = 600_000_000
"""What a process holds on a card outside torch's allocator."""
CUDA_RESERVE = 0.02
"""What torch reserves beyond what it has allocated, as a share of it, with segments that grow."""
CPU_MARGIN = 0.1
"""Share of main memory left to the rest of the machine."""


def budget(machine: MachineFacts, rehearsal: "Rehearsal | None" = None, processes: int = 1) -> int:
    """Return the bytes that each process of a plan may need by its estimate.

    Each process has a card of its own, and without cards they share the main memory. `machine` is
    one from `planner.search.from_answers.counted`. A rehearsal on it tells what a process holds
    outside torch's allocator, and may only add to what the allocator is trusted to keep in
    reserve: that depends on the plan.
    """
    memory = machine.counted_memory_bytes
    if machine.kind == "cpu":
        return int(memory * (1 - CPU_MARGIN)) // processes
    context, reserve = CUDA_CONTEXT_BYTES, CUDA_RESERVE
    if rehearsal and rehearsal.fitted:
        context = rehearsal.measured.context_bytes or context
        reserve = max(reserve, rehearsal.measured.reserve)
    return max(0, int((memory - context) / (1 + reserve)))


def host_budget(machine: MachineFacts, processes: int) -> int | None:
    """Return the bytes of main memory that each process may offload to; None where the machine's
    main memory is not known."""
    memory = machine.ram_bytes
    return int(memory * (1 - CPU_MARGIN)) // processes if memory else None


def whole_card_bytes(peak_bytes: int) -> int:
    """Return what a process takes on a card, in bytes, whose allocator peaks at `peak_bytes`."""
    return int(peak_bytes * (1 + CUDA_RESERVE)) + CUDA_CONTEXT_BYTES
