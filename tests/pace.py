"""How fast this machine runs Python, so that a time limit means the same on a slower one."""

import time
from dataclasses import dataclass, replace

REFERENCE_SECONDS = 0.032
"""CPU seconds of the work on the machine for which the tests' limits were set."""
_ROUNDS = 20_000


@dataclass(frozen=True)
class _Part:
    name: str
    size: int
    width: int = 2

    @property
    def total(self) -> int:
        return self.size * self.width


def slowness() -> float:
    """Return how many times longer than on that machine Python takes here; at least 1.

    The work is of the kind that the planner does: small frozen records, properties and sums.
    """
    return max(1.0, min(_seconds() for _ in range(3)) / REFERENCE_SECONDS)


def _seconds() -> float:
    start = time.process_time()
    part, held = _Part("weights", 1), dict[str, int]()
    for n in range(_ROUNDS):
        part = replace(part, size=n % 1000 + 1)
        held = {**held, f"{part.name} {n % 8}": part.total}
        _ = sum(held.values())
    return time.process_time() - start
