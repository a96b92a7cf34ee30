"""Describes which processes use the memory of a card."""

from planner.machines.facts import Gpu, Holder

_GIB = 1 << 30
_IDLE_BYTES, _IDLE_SHARE = _GIB, 0.01
"""Memory that driver and desktop may use before a card is called busy: this, or this share of a
large card, of which the driver alone keeps more (1.05 GiB of a GB300)."""
_NAMED = 2
"""Most processes that a sentence names."""


def taken(gpu: Gpu) -> str:
    """Return how much of a card is in use and by whom, as a clause; empty if it is not busy."""
    held = gpu.memory_bytes - gpu.free_bytes
    if held <= max(_IDLE_BYTES, _IDLE_SHARE * gpu.memory_bytes):
        return ""
    return f"{held / _GIB:.1f} of {gpu.memory_bytes / _GIB:.1f} GiB are in use by {_who(gpu)}"


def _who(gpu: Gpu) -> str:
    if not gpu.holders:
        return "processes that the driver does not report"
    named = [_name(holder) for holder in gpu.holders[:_NAMED]]
    more = len(gpu.holders) - len(named)
    parts = [*named, f"{more} more"] if more else named
    word = "process" if len(gpu.holders) == 1 else "processes"
    return f"{word} {' and '.join([', '.join(parts[:-1]), parts[-1]] if parts[1:] else parts)}"


def _name(holder: Holder) -> str:
    return f"{holder.pid} ({holder.name})" if holder.name else str(holder.pid)
