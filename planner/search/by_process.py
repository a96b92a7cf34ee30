"""What a rehearsal measured in each of several processes, and the greatest of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from lockfiles import limits
from lockfiles.fields import Label

_Bytes = Annotated[int, Field(ge=0, le=limits.MOST_BYTES)]


@dataclass(frozen=True)
class OneProcess:
    """The figures of one process; ranks without them ended before they had any."""

    rank: Annotated[int, Field(ge=0, lt=limits.MOST_PROCESSES)]
    """Its number among the processes, from 0."""
    phase: Label
    """The phase of its peak."""
    allocated_bytes: _Bytes
    """Peak bytes of torch's allocator; on CPU, peak resident bytes."""
    reserved_bytes: _Bytes
    """Peak bytes that the allocator reserved on the card; 0 on CPU."""
    outside_bytes: _Bytes
    """Bytes of the card that it used outside torch's allocator; 0 on CPU."""
    main_bytes: _Bytes
    """Peak resident main memory."""
    step_seconds: Annotated[float, Field(ge=0, le=limits.MOST_SECONDS)]
    """Median seconds of a step, without the first; 0 where there is no other."""
    out_of_memory: Label = ""
    """The phase in which its card ran out of memory; empty where it did not."""


def short(processes: Sequence[OneProcess]) -> OneProcess | None:
    """Return the first process that ran out of memory, if one did."""
    return next((one for one in processes if one.out_of_memory), None)


def greatest(processes: Sequence[OneProcess]) -> OneProcess:
    """Return the process with the greatest peak, the first of several."""
    return max(processes, key=lambda one: one.allocated_bytes)
