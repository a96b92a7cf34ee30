"""The tables of a lock for the machine that a plan counts on, and what it is said to take."""

from typing import Annotated, Literal

from pydantic import Field

from lockfiles import known, limits
from lockfiles.fields import FEW_KEYS, Label, Seconds, Sentence, SizeBytes, Table, one_of

HALF_GIB = 1 << 29


class Machine(Table):
    """The machine that the plan counts on."""

    kind: Literal["cpu", "cuda"]
    accelerator: Label
    """The card's name by its driver; empty on a CPU."""
    capability: str = Field(pattern=limits.CAPABILITY)
    """Such as `9.0`; empty on a CPU."""
    count: int = Field(ge=0, le=limits.MOST_CARDS)
    """Cards that train; 0 on a CPU."""
    memory_bytes: int = Field(gt=0, le=limits.MOST_BYTES, multiple_of=HALF_GIB)
    """Of each card, or main memory. Rounded down to 0.5 GiB."""


_Part = Annotated[int, Field(ge=-limits.MOST_BYTES, le=limits.MOST_BYTES)]


class Prediction(Table):
    """What the plan will need."""

    estimator: str = Field(pattern=r"^(closed-form-[1-9][0-9]{0,2}|rehearsal)$")
    phase: Literal["load", "forward", "reference", "backward", "optimizer", "evaluation"]
    peak_bytes: int = Field(gt=0, le=limits.MOST_BYTES)
    components: Annotated[dict[Annotated[str, one_of(known.COMPONENTS)], _Part], FEW_KEYS]
    """Bytes by component; what is beside the estimate may be below 0."""
    disk_bytes: SizeBytes
    """Checkpoints, the merged model and every export together."""
    step_seconds: Seconds = 0.0
    """Mean of the optimizer's steps; 0 where the device's speed is not known."""
    seconds: Seconds = 0.0
    """Training with its evaluations; 0 where that is not known."""
    cost: float = Field(default=0.0, ge=0, le=limits.MOST_MONEY)
    """Of those seconds, in the money of `machine.price_per_hour`; 0 where either is not known."""


class Disk(Table):
    """What a plan will need that trains nothing; nobody estimates its memory."""

    disk_bytes: SizeBytes
    """Every export together."""


class Rejected(Table):
    """An alternative that was considered."""

    what: Label
    needed_bytes: SizeBytes
    """At most what any machine has, also where it would need more."""
    reason: Sentence
