"""What a card does in the steps of a training: computes, exchanges, both at once, or nothing.

Kernels of NCCL exchange, all others compute. A profiler slows the host down, so that what a card
waits for it is an upper bound.
"""

import time
from collections.abc import Iterable, Sequence
from typing import Any

Interval = tuple[int, int]
"""When something began and ended, in nanoseconds."""
FIRST, LAST = 5, 8
"""The steps that are profiled: from the end of one to the end of the other."""
SLOWEST = 12
"""Operations of the host that are kept."""
EXCHANGES = "nccl"
"""A part of the names of kernels that exchange."""


class Busy:
    """A profiler for some steps of a training."""

    def __init__(self) -> None:
        self._profiler: Any = None
        self._began = 0.0
        self.found: dict[str, Any] = {}
        """Seconds of a step, those in which the card computes, exchanges and does both, kernels in
        a step, and what the host does; empty before the last step."""

    def step(self, number: int) -> None:
        """Take note that a step has ended."""
        from torch.profiler import profile

        if number == FIRST:
            self._profiler = profile()
            self._profiler.__enter__()
            self._began = time.monotonic()
        if number == LAST:
            took = time.monotonic() - self._began
            self._profiler.__exit__(None, None, None)
            self.found = told(self._profiler, took, LAST - FIRST)


def told(profiler: Any, seconds: float, steps: int) -> dict[str, Any]:
    """Return what is kept of a profile."""
    events = profiler.profiler.kineto_results.events()
    kernels = [one for one in events if one.device_type().name == "CUDA"]
    parts: dict[bool, list[Interval]] = {True: [], False: []}
    for one in kernels:
        began = one.start_ns()
        parts[EXCHANGES in one.name().lower()].append((began, began + one.duration_ns()))
    exchanges, computes = joined(parts[True]), joined(parts[False])
    either = total(joined([*exchanges, *computes]))
    table = profiler.key_averages().table(
        sort_by="self_cpu_time_total", row_limit=SLOWEST, max_name_column_width=60
    )
    return {
        "step_seconds": seconds / steps,
        "computes": total(computes) / steps / 1e9,
        "exchanges": total(exchanges) / steps / 1e9,
        "both": (total(exchanges) + total(computes) - either) / steps / 1e9,
        "kernels": len(kernels) / steps,
        "host": table,
    }


def joined(every: Iterable[Interval]) -> list[Interval]:
    """Return intervals without those that overlap."""
    found: list[Interval] = []
    for began, ended in sorted(every):
        if found and began <= found[-1][1]:
            found[-1] = (found[-1][0], max(ended, found[-1][1]))
        else:
            found.append((began, ended))
    return found


def total(every: Sequence[Interval]) -> int:
    """Return the length of intervals that do not overlap."""
    return sum(ended - began for began, ended in every)
