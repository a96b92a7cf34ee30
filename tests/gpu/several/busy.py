"""What a card does in the steps of a training: computes, exchanges, both at once, or nothing.

Kernels of NCCL exchange, all others compute. A profiler slows the host down, so that what a card
waits for it is an upper bound. Where Python's time goes is sampled in the steps before, which it
hardly slows down.
"""

import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from types import FrameType
from typing import Any

Interval = tuple[int, int]
"""When something began and ended, in nanoseconds."""
FIRST, LAST = 5, 8
"""The steps that are profiled: from the end of one to the end of the other."""
SAMPLED = 2
"""The step from whose end on Python is sampled, to the end of `FIRST`."""
SLOWEST = 20
"""Operations of the host, and places in Python, that are kept."""
CALLERS = 3
"""Functions of a place in Python: the running one, and those that called it."""
SAMPLE_SECONDS = 0.002
EXCHANGES = "nccl"
"""A part of the names of kernels that exchange."""


class Busy:
    """A profiler for some steps of a training."""

    def __init__(self) -> None:
        self._profiler: Any = None
        self._places = Places()
        self._began = 0.0
        self.found: dict[str, Any] = {}
        """Seconds of a step, those in which the card computes, exchanges and does both, kernels in
        a step, and what the host does; empty before the last step."""

    def step(self, number: int) -> None:
        """Take note that a step has ended."""
        from torch.profiler import profile

        if number == SAMPLED:
            self._places.start()
        if number == FIRST:
            self._places.stop()
            self._profiler = profile()
            self._profiler.__enter__()
            self._began = time.monotonic()
        if number == LAST:
            took = time.monotonic() - self._began
            self._profiler.__exit__(None, None, None)
            self.found = told(self._profiler, took, LAST - FIRST)
            self.found |= {"places": self._places.shares()}


class Places:
    """Where all threads of Python are, sampled by a thread of its own."""

    def __init__(self) -> None:
        self._seen = Counter[str]()
        self._samples = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)

    def start(self) -> None:
        """Begin to sample."""
        self._thread.start()

    def stop(self) -> None:
        """End, if it has begun."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def shares(self) -> dict[str, float]:
        """Return the share of samples in which a thread was at each of the most frequent places."""
        most = self._seen.most_common(SLOWEST)
        return {place: seen / self._samples for place, seen in most}

    def _sample(self) -> None:
        own = threading.get_ident()
        while not self._stopped.wait(SAMPLE_SECONDS):
            self._samples += 1
            for thread, frame in sys._current_frames().items():
                if thread != own:
                    self._seen[place(frame)] += 1


def place(frame: FrameType | None) -> str:
    """Return the function of a frame, then those that called it."""
    words: list[str] = []
    while frame is not None and len(words) < CALLERS:
        code = frame.f_code
        file = "/".join(code.co_filename.rsplit("/", 2)[1:])
        words.append(f"{file}:{frame.f_lineno} {code.co_name}")
        frame = frame.f_back
    return " < ".join(words)


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


def recompiled() -> list[str]:
    """Return why code was compiled again in this process: what earlier code does not cover."""
    utils = sys.modules.get("torch._dynamo.utils")
    found = utils.guard_failures.items() if utils else ()
    return [f"{code.co_name} {why}" for code, every in found for why in every]


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
