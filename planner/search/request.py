"""The settings that a plan must have: the input of the search."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from planner.objectives.registry import ObjectiveName
from planner.parallelism.layouts import Offload, Parallel
from planner.setup.setup import Bias, Kind

Optimizer = Literal["adamw_torch", "adamw_torch_fused", "adamw_8bit", "paged_adamw_8bit"]

EFFECTIVE_BATCH = 16
"""Default rows per optimizer step, as in the interview."""


@dataclass(frozen=True)
class Request:
    """The settings of a plan; None leaves a value to the search."""

    longest: int
    """Longest row, in tokens."""
    rank: int
    """Adapter rank, at least 1."""
    targets: tuple[str, ...]
    """Layers that adapters adapt."""
    dropout: float
    """Of the adapters, 0 to 1."""
    bias: Bias = "none"
    """Biases that are trained besides the adapters."""
    objective: ObjectiveName = "sft"
    """What the loss teaches."""
    method: Kind | None = None
    """What is trained."""
    optimizer: Optimizer | None = None
    """The optimizer, by its name in transformers; None is AdamW, fused on a card."""
    rows: int | None = None
    """Training rows; None where they are unknown and assumed to be enough."""
    lengths: Sequence[int] = ()
    """Tokens of each row; empty where every row counts as `longest`."""
    seed: int = 0
    """Seed of the row order."""
    epochs: int = 1
    """Passes over the rows."""
    tokens: int = 0
    """Tokens of all training rows; 0 where they are unknown."""
    effective_batch: int = EFFECTIVE_BATCH
    """Rows per optimizer step, over all processes."""
    effective_tokens: int = 0
    """Tokens per optimizer step that `effective_batch` is to come near; 0 where it was not set."""
    effective_multiple: int = 1
    """Rows of which `effective_batch` is a multiple if it follows from `effective_tokens`."""
    micro_batch: int | None = None
    """Rows per micro-batch in one process; pairs for DPO and reward."""
    accumulation: int | None = None
    """Micro-batches per optimizer step; None to derive it from the effective batch."""
    checkpointing: bool | None = None
    """Whether activations are recomputed in the backward pass."""
    packing: bool | None = None
    """Whether rows are packed into rows of `longest` tokens."""
    compiled: bool | None = None
    """Whether torch compiles the layers."""
    base_products: Literal["bf16", "fp8"] = "bf16"
    """What the products of the frozen base are computed in."""
    exact: bool = False
    """Whether results must be bit-exact."""
    recorded: bool | None = None
    """Whether passes are recorded as CUDA graphs."""
    processes: int = 1
    """Processes that share the work, each with a card of its own."""
    nodes: int = 1
    """Machines that they are spread over."""
    parallel: Parallel | None = None
    """How they share it."""
    offload: Offload | None = None
    """What is offloaded to main memory: nothing, the optimizer states, or the weights too."""
