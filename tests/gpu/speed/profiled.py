"""Where the time of one step goes: the card's kernels by kind, and the time it computes nothing."""

import re
import time
from collections.abc import Iterable, Iterator
from typing import Any

KINDS = (
    ("attention", r"flash|fmha|attention"),
    ("dequantization", r"dequantize"),
    ("matrix products", r"gemm|nvjet|cutlass|cublas|aten::(mm|addmm|bmm)|splitk"),
    ("compiled", r"^triton"),
    ("optimizer", r"adam|multi_tensor|foreach"),
    ("copies", r"memcpy|memset|copy|cat"),
    ("elementwise and reductions", r"elementwise|reduce|softmax|index|scatter|gather|norm"),
)
"""Kinds of kernels and the names they have; the first that fits counts."""
OTHER, NOTHING = "other", "nothing computed"
SHOWN = 15


def kind_of(name: str) -> str:
    """Return the kind of a kernel."""
    found = (kind for kind, names in KINDS if re.search(names, name, re.IGNORECASE))
    return next(found, OTHER)


def by_kind(kernels: Iterable[tuple[str, float]], seconds: float) -> dict[str, float]:
    """Return the seconds of each kind, the most first; what `seconds` has beyond them is idle."""
    found: dict[str, float] = {}
    for name, own in kernels:
        found[kind_of(name)] = found.get(kind_of(name), 0.0) + own
    found[NOTHING] = max(0.0, seconds - sum(found.values()))
    return dict(sorted(found.items(), key=lambda one: -one[1]))


def shares(found: dict[str, float]) -> Iterator[str]:
    """Yield each kind with its share, as text."""
    total = sum(found.values())
    for kind, own in found.items():
        yield f"{kind} {own / total:.1%}"


class StepProfile:
    """Profiles one step: the card's kernels, or with `host` what the host calls for them."""

    def __init__(self, *, host: bool = False) -> None:
        self.found: dict[str, Any] = {}
        self._host = host

    def begin(self) -> None:
        """Begin a step."""
        import torch
        from torch.profiler import ProfilerActivity as Activity

        self._on_card = torch.cuda.is_available()
        every = [Activity.CPU] * (self._host or not self._on_card)
        every += [Activity.CUDA] * self._on_card
        self._profiler: Any = torch.profiler.profile(activities=every)
        self._profiler.start()
        self._began = time.monotonic()

    def end(self) -> None:
        """End a step, whose last kernel has ended."""
        took = time.monotonic() - self._began
        self._profiler.stop()
        if self._host:
            self.found = {"profile_host": self._most("self_cpu_time_total")}
            return
        own = "self_device_time_total" if self._on_card else "self_cpu_time_total"
        events = [(one, getattr(one, own) / 1e6) for one in self._profiler.key_averages()]
        events = sorted((one for one in events if one[1] > 0), key=lambda one: -one[1])
        self.found = {
            "profile": by_kind([(one.key, seconds) for one, seconds in events], took),
            "profile_kernels": self._most(own),
            "profile_launches": sum(one.count for one, _ in events),
        }

    def _most(self, own: str) -> list[list[Any]]:
        """Return the names, the seconds and the counts of what took most."""
        events = [(one, getattr(one, own) / 1e6) for one in self._profiler.key_averages()]
        events = sorted((one for one in events if one[1] > 0), key=lambda one: -one[1])
        return [[one.key[:120], round(took, 5), one.count] for one, took in events[:SHOWN]]
