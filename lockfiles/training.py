"""The tables of a lock for training."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from lockfiles import limits
from lockfiles.engines import ENGINES, EngineName
from lockfiles.engines.engine import Offload
from lockfiles.fields import Name, Seed, Sha256, SomeRows, Table

_OMITTED: Mapping[str, object] = {
    "passes_sha256": [], "pass_tokens": 0, "most_passes": 1, "kernels": "eager", "graph_sizes": [],
    "nodes": 1, "offload": "none", "bucket": limits.BUCKET_ELEMENTS,
    "prefetch": limits.PREFETCHED_ELEMENTS,
    "base_products": "bf16",
}  # fmt: skip
"""Keys that are omitted where they have their default, as in locks before they were known."""


def _given(table: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in table.items() if _OMITTED.get(key) != value}


class Stream(Table):
    """The tokens of the training rows, and their order."""

    max_length_tokens: int = Field(gt=0, le=limits.MOST_CONTEXT_TOKENS)
    packing: bool
    """Whether the rows of each optimizer step are packed into rows of `max_length_tokens`; the step
    uses the same rows in fewer passes than `train.accumulation`."""
    rows: SomeRows
    tokens: int = Field(gt=0, le=limits.MOST_TOKENS)
    scored_tokens: int = Field(gt=0, le=limits.MOST_TOKENS)
    sha256: Sha256
    """Of the token ids and loss masks of the training rows."""
    order_sha256: list[Sha256] = Field(min_length=1, max_length=limits.MOST_EPOCHS, fail_fast=True)
    """Of the row order of each epoch."""
    passes_sha256: list[Sha256] = Field(default=[], max_length=limits.MOST_EPOCHS, fail_fast=True)
    """Of the rows of every pass of each epoch. Omitted where `train.pass_tokens` is."""

    @model_serializer(mode="wrap")
    def _without_defaults(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return _given(dump(self))


class Method(Table):
    """The training method."""

    kind: Literal["lora", "qlora", "full"]
    rank: int = Field(ge=0, le=limits.MOST_RANK)
    alpha: int = Field(ge=0, le=limits.MOST_ALPHA)
    dropout: float = Field(ge=0, le=limits.MOST_DROPOUT)
    targets: list[Name] = Field(max_length=limits.MOST_TARGETS, fail_fast=True)
    bias: Literal["none", "lora_only", "all"] = "none"
    """Which biases are trained besides the adapter."""


_Batch = Annotated[int, Field(ge=1, le=limits.MOST_EFFECTIVE_BATCH)]
_Tokens = Annotated[int, Field(ge=1, le=limits.MOST_TOKENS)]


class Train(Table):
    """The arguments of the trainer."""

    micro_batch: _Batch
    accumulation: _Batch
    epochs: int = Field(ge=1, le=limits.MOST_EPOCHS)
    learning_rate: float = Field(ge=limits.LEAST_LEARNING_RATE, le=limits.MOST_LEARNING_RATE)
    schedule: Literal["cosine"]
    warmup_ratio: float = Field(ge=0, le=limits.MOST_WARMUP_RATIO)
    weight_decay: float = Field(ge=0, le=limits.MOST_WEIGHT_DECAY)
    gradient_clip: float = Field(ge=0.01, le=100)
    """The maximum norm of the gradients."""
    optimizer: Literal["adamw_torch", "adamw_torch_fused"]
    dtype: Literal["float32", "bfloat16"]
    attention: Literal["sdpa", "eager", "varlen"]
    """How attention is computed: by torch's fused kernels, with all scores in memory, or by torch's
    flash attention for rows of different lengths without padding."""
    pass_tokens: int = Field(default=0, ge=0, le=limits.MOST_TOKENS)
    """With packing, the most tokens of a forward and backward pass: the rows of each step are
    concatenated in as few passes as this allows. Omitted where passes have
    `micro_batch` packed rows of `stream.max_length_tokens`."""
    most_passes: int = Field(default=1, ge=1, le=limits.MOST_EFFECTIVE_BATCH)
    """With `pass_tokens`, the passes of the step with the most of them. Omitted where it is 1."""
    kernels: Literal["eager", "compiled"] = "eager"
    """Whether the operations of a layer run one by one, or as torch compiles them. Omitted where
    it is `eager`."""
    base_products: Literal["bf16", "fp8"] = "bf16"
    """What the products of the frozen layers under adapters are computed in; `fp8` rounds their
    weights, their inputs and the gradients of their outputs. Omitted where it is `bf16`."""
    graph_sizes: list[_Tokens] = Field(default=[], max_length=limits.MOST_GRAPHS, fail_fast=True)
    """With `pass_tokens` on a card, the sizes in tokens, ascending, that passes are filled up to:
    a pass of each size is recorded as CUDA graphs, which all others of that size replay. Omitted
    where it is empty."""
    checkpointing: bool
    keep: Literal["best", "last"]
    evaluate_steps: int = Field(ge=1, le=1_000_000)
    """Optimizer steps between two evaluations."""
    seed: Seed

    @model_serializer(mode="wrap")
    def _without_defaults(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return _given(dump(self))


class Parallel(Table):
    """How training is spread over processes."""

    engine: EngineName
    """`single`: one process; `ddp`: each process has a copy of the model and a share of each step;
    `zero1` to `zero3` (stages of ZeRO) and `fsdp2`: the model's states are sharded too."""
    processes: int = Field(ge=1, le=limits.MOST_PROCESSES)
    """Each process has `train.micro_batch` x `train.accumulation` rows of a step, and its own card
    unless training runs on CPU."""
    nodes: int = Field(default=1, ge=1, le=limits.MOST_PROCESSES)
    """The machines, each with the same number of these processes. Omitted where it is 1."""
    offload: Offload = "none"
    """What is offloaded to main memory: the optimizer states, or the weights too. Omitted where it
    is `none`."""
    bucket: int = Field(default=limits.BUCKET_ELEMENTS, ge=1, le=limits.MOST_ELEMENTS)
    """Elements of gradients that ZeRO reduces at once, and of weights that stages 1 and 2 gather at
    once. Omitted where it is DeepSpeed's default."""
    prefetch: int = Field(default=limits.PREFETCHED_ELEMENTS, ge=0, le=limits.MOST_ELEMENTS)
    """Elements of weights that ZeRO stage 3 gathers ahead. Omitted where it is DeepSpeed's
    default."""

    @property
    def on_each(self) -> int:
        """The processes on each machine."""
        return self.processes // self.nodes

    @model_serializer(mode="wrap")
    def _without_defaults(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return _given(dump(self))


OFFLOADING: Mapping[str, tuple[str, ...]] = {
    what: tuple(name for name, engine in ENGINES.items() if what in engine.offloads)
    for what in ("optimizer", "all")
}
"""What can be offloaded, and the engines that can do it."""


class Environment(Table):
    """The environment variables that a lock may set for compute processes, with allowed values.

    A lock cannot set any other variable, since variables can point to code, hosts or credentials.
    """

    PYTORCH_ALLOC_CONF: Literal["expandable_segments:True"] | None = None
    """On a card: torch's allocator grows its segments, which avoids fragmentation
    (https://docs.pytorch.org/docs/stable/notes/cuda.html)."""

    @model_serializer(mode="wrap")
    def _set_ones(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in dump(self).items() if value is not None}


class Exactness(Table):
    """Whether the trained tensors are bit-exact."""

    exact: bool
    """Whether runs must be bit-exact, both repeated and when killed and resumed."""
    threads: int = Field(ge=0, le=limits.MOST_THREADS)
    """Threads per operation on CPU; 0 leaves the choice to torch."""
    environment: Environment
