"""Who holds the memory of a card that is not free, in words."""

from planner.machines.facts import Gpu, Holder

_GIB = 1 << 30
_IDLE_BYTES = _GIB
"""What driver and desktop may hold of a card that is not called busy."""
_NAMED = 2
"""Processes that a sentence names, at most."""


def taken(gpu: Gpu) -> str:
    """Return how much of a card is taken and by whom, as a clause; empty where it is not busy."""
    held = gpu.memory_bytes - gpu.free_bytes
    if held <= _IDLE_BYTES:
        return ""
    return f"{held / _GIB:.1f} GiB of {gpu.memory_bytes / _GIB:.1f} GiB are taken by {_who(gpu)}"


def _who(gpu: Gpu) -> str:
    if not gpu.holders:
        return "programs that the driver does not name"
    named = [_name(holder) for holder in gpu.holders[:_NAMED]]
    more = len(gpu.holders) - len(named)
    parts = [*named, f"{more} more"] if more else named
    word = "process" if len(gpu.holders) == 1 else "processes"
    return f"{word} {' and '.join([', '.join(parts[:-1]), parts[-1]] if parts[1:] else parts)}"


def _name(holder: Holder) -> str:
    return f"{holder.pid} ({holder.name})" if holder.name else str(holder.pid)
