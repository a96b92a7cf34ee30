"""How fast the processes of a machine exchange data, as a rehearsal measured it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from lockfiles import limits
from planner.parallelism.engine import Collective

SENT: Mapping[Collective, int] = {"all-reduce": 2, "all-gather": 1, "reduce-scatter": 1}
"""How often each card of a ring sends its share of a tensor to the next one."""
_Bytes = Annotated[int, Field(gt=0, le=limits.MOST_BYTES)]


@dataclass(frozen=True)
class Exchanged:
    """One collective operation that was timed."""

    collective: Collective
    tensor_bytes: _Bytes
    """The size of the complete tensor."""
    sent_bytes: _Bytes
    """What each process sends to the next one in a ring."""
    seconds: Annotated[float, Field(gt=0, le=limits.MOST_SECONDS)]
    """Median time over some repetitions, of the slowest process."""

    @property
    def bytes_per_second(self) -> float:
        """What each process sends, by the time."""
        return self.sent_bytes / self.seconds


def sent_bytes(collective: Collective, tensor_bytes: int, processes: int) -> int:
    """Return what each of several processes sends of a tensor of so many bytes."""
    return SENT[collective] * tensor_bytes * (processes - 1) // processes


def rate(measured: Sequence[Exchanged]) -> float:
    """Return what each process sends, in bytes per second, over the largest tensor of each
    collective operation; 0 if nothing was measured."""
    found = largest(measured)
    seconds = sum(one.seconds for one in found)
    return sum(one.sent_bytes for one in found) / seconds if seconds else 0.0


def largest(measured: Sequence[Exchanged]) -> tuple[Exchanged, ...]:
    """Return the measurement of the largest tensor of each collective operation."""
    found: dict[str, Exchanged] = {}
    for one in sorted(measured, key=lambda one: one.tensor_bytes):
        found[one.collective] = one
    return tuple(found.values())
