"""The tables of a lock for the training itself."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from lockfiles import limits
from lockfiles.engines import ENGINES, EngineName
from lockfiles.engines.engine import Offload
from lockfiles.fields import Name, Seed, Sha256, SomeRows, Table


class Stream(Table):
    """The tokens that training sees, and their order."""

    max_length_tokens: int = Field(gt=0, le=limits.MOST_CONTEXT_TOKENS)
    packing: bool
    """Whether the rows of a step are joined into rows as long as the longest; the step reads the
    same rows, in fewer passes than `train.accumulation`."""
    rows: SomeRows
    tokens: int = Field(gt=0, le=limits.MOST_TOKENS)
    scored_tokens: int = Field(gt=0, le=limits.MOST_TOKENS)
    sha256: Sha256
    """Of the token ids and loss masks of the training rows."""
    order_sha256: list[Sha256] = Field(min_length=1, max_length=limits.MOST_EPOCHS, fail_fast=True)
    """Of the row order, one for each epoch."""


class Method(Table):
    """What is trained."""

    kind: Literal["lora", "qlora", "full"]
    rank: int = Field(ge=0, le=limits.MOST_RANK)
    alpha: int = Field(ge=0, le=limits.MOST_ALPHA)
    dropout: float = Field(ge=0, le=limits.MOST_DROPOUT)
    targets: list[Name] = Field(max_length=limits.MOST_TARGETS, fail_fast=True)
    bias: Literal["none", "lora_only", "all"] = "none"
    """Which biases are trained beside the adapter; locks from before it was asked train none."""


_Batch = Annotated[int, Field(ge=1, le=limits.MOST_EFFECTIVE_BATCH)]


class Train(Table):
    """Every argument that reaches the trainer."""

    micro_batch: _Batch
    accumulation: _Batch
    epochs: int = Field(ge=1, le=limits.MOST_EPOCHS)
    learning_rate: float = Field(ge=limits.LEAST_LEARNING_RATE, le=limits.MOST_LEARNING_RATE)
    schedule: Literal["cosine"]
    warmup_ratio: float = Field(ge=0, le=limits.MOST_WARMUP_RATIO)
    weight_decay: float = Field(ge=0, le=limits.MOST_WEIGHT_DECAY)
    gradient_clip: float = Field(ge=0.01, le=100)
    """The greatest norm of the gradients."""
    optimizer: Literal["adamw_torch", "adamw_torch_fused"]
    dtype: Literal["float32", "bfloat16"]
    attention: Literal["sdpa", "eager"]
    checkpointing: bool
    keep: Literal["best", "last"]
    evaluate_steps: int = Field(ge=1, le=1_000_000)
    """Optimizer steps between two evaluations."""
    seed: Seed


class Parallel(Table):
    """How the work is spread."""

    engine: EngineName
    """`single`: one process; `ddp`: each process has a copy of the model and a share of a step;
    `zero1` to `zero3`, the stages of ZeRO, and `fsdp2`: they share the model's states, too."""
    processes: int = Field(ge=1, le=limits.MOST_PROCESSES)
    """A step has `train.micro_batch` x `train.accumulation` rows of each of them; on cards each
    has one of its own."""
    offload: Offload = "none"
    """What lies in main memory: the optimizer's states, or the weights too. Not written where
    nothing does."""

    @model_serializer(mode="wrap")
    def _with_offload(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        found: dict[str, Any] = dump(self)
        return {key: value for key, value in found.items() if (key, value) != _NOTHING_OFFLOADED}


_NOTHING_OFFLOADED = ("offload", "none")
OFFLOADING: Mapping[str, tuple[str, ...]] = {
    what: tuple(name for name, engine in ENGINES.items() if what in engine.offloads)
    for what in ("optimizer", "all")
}
"""What can be offloaded, and the engines that can do it."""


class Environment(Table):
    """The variables that a lock sets for the processes that compute: each with its own values.

    A lock can name no variable of its own, since a variable can point at code, at a host or at a
    credential. Another one is one more field here.
    """

    PYTORCH_ALLOC_CONF: Literal["expandable_segments:True"] | None = None
    """On a card: torch's allocator grows the blocks it has, and hardly any memory is lost between
    them (https://docs.pytorch.org/docs/stable/notes/cuda.html)."""

    @model_serializer(mode="wrap")
    def _set_ones(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in dump(self).items() if value is not None}


class Exactness(Table):
    """What is promised about the trained tensors."""

    exact: bool
    """True: the same bits, run twice or killed and resumed, or a refusal."""
    threads: int = Field(ge=0, le=limits.MOST_THREADS)
    """Threads of one operation on CPU; 0 leaves it to torch."""
    environment: Environment
