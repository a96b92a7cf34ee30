"""The tables of a lock for the machine and the predicted needs of a plan."""

from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from lockfiles import known, limits
from lockfiles.fields import FEW_KEYS, Label, Seconds, Sentence, SizeBytes, Table, one_of

HALF_GIB = 1 << 29


class Machine(Table):
    """The machine that the plan is for."""

    kind: Literal["cpu", "cuda"]
    accelerator: Label
    """The name of the card, as its driver reports it; empty on a CPU."""
    capability: str = Field(pattern=limits.CAPABILITY)
    """The compute capability, such as `9.0`; empty on a CPU."""
    count: int = Field(ge=0, le=limits.MOST_CARDS)
    """Cards that train; 0 on a CPU."""
    memory_bytes: int = Field(gt=0, le=limits.MOST_BYTES, multiple_of=HALF_GIB)
    """Memory of each card, or main memory on a CPU; rounded down to 0.5 GiB."""
    card_bytes_per_second: int = Field(default=0, ge=0, le=limits.MOST_BYTES)
    """What each card sends to others of its machine in collectives, where that was found there.
    Omitted where it is 0: the kind of card decides."""
    network_bytes_per_second: int = Field(default=0, ge=0, le=limits.MOST_BYTES)
    """What each machine sends to others, where that was given. Omitted where it is 0."""

    @model_serializer(mode="wrap")
    def _without_defaults(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        found: dict[str, Any] = dump(self)
        return {key: value for key, value in found.items() if value or key not in _LINKS}


_LINKS = ("card_bytes_per_second", "network_bytes_per_second")

_Part = Annotated[int, Field(ge=-limits.MOST_BYTES, le=limits.MOST_BYTES)]


class Prediction(Table):
    """The predicted needs of the plan."""

    estimator: str = Field(pattern=r"^(closed-form-[1-9][0-9]{0,2}|rehearsal)$")
    phase: Literal["load", "forward", "reference", "backward", "optimizer", "evaluation"]
    peak_bytes: int = Field(gt=0, le=limits.MOST_BYTES)
    components: Annotated[dict[Annotated[str, one_of(known.COMPONENTS)], _Part], FEW_KEYS]
    """Bytes by component; what is not in the estimate may be negative."""
    disk_bytes: SizeBytes
    """Checkpoints, the merged model and all exports together."""
    step_seconds: Seconds = 0.0
    """Mean time of an optimizer step; 0 where the device's speed is unknown."""
    seconds: Seconds = 0.0
    """Time of training including evaluations, and checkpoints where they were timed; 0 where
    unknown."""
    cost: float = Field(default=0.0, ge=0, le=limits.MOST_MONEY)
    """Cost of that time in the currency of `machine.price_per_hour`; 0 where unknown."""
    flops_share: float = Field(default=0.0, ge=0, le=1)
    """Share of the cards' bf16 rate that those steps reach by the operations that the method needs,
    without recomputation; 0 where unknown."""
    process_origin: Literal["", "measured", "assumed"] = ""
    """Whether the component `process` was measured on the machine of the plan or is a typical
    value; empty on a GPU."""
    timed_by: Literal["", "rehearsal", "run"] = ""
    """What measured the step on the processor that the time follows from; empty on a GPU, and
    where the time is unknown."""
    timed_seconds: Seconds = 0.0
    """Mean time of such a step; 0 where there is none."""
    timed_tokens: int = Field(default=0, ge=0, le=limits.MOST_TOKENS)
    """Mean tokens of such a step, including padding; 0 where there is none."""
    timed_evaluation_seconds: Seconds = 0.0
    """Mean time of an evaluation that was measured with it; 0 where none was."""
    timed_evaluation_tokens: int = Field(default=0, ge=0, le=limits.MOST_TOKENS)
    """Tokens of such an evaluation, including padding; 0 where none was measured."""
    timed_save_seconds: Seconds = 0.0
    """Mean time of saving a checkpoint that was measured with it; 0 where none was."""

    @model_serializer(mode="wrap")
    def _with_origins(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Omit what is empty of the fields that only some plans have."""
        found: dict[str, Any] = dump(self)
        return {name: value for name, value in found.items() if value or name not in _SOME}


_SOME = frozenset(
    [
        "flops_share",
        "process_origin", "timed_by", "timed_seconds", "timed_tokens", "timed_evaluation_seconds",
        "timed_evaluation_tokens", "timed_save_seconds",
    ]
)  # fmt: skip


class Disk(Table):
    """What a plan will need that trains nothing; nobody estimates its memory."""

    disk_bytes: SizeBytes
    """Every export together."""


class Rejected(Table):
    """An alternative that was considered."""

    what: Label
    needed_bytes: SizeBytes
    """Capped at the largest size that a lock may have."""
    reason: Sentence
