"""What is asked of a plan, whichever face asks."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from planner.objectives.registry import ObjectiveName
from planner.parallelism.layouts import Offload, Parallel
from planner.setup.setup import Bias, Kind

Optimizer = Literal["adamw_torch", "adamw_torch_fused", "adamw_8bit", "paged_adamw_8bit"]

EFFECTIVE_BATCH = 16
"""Rows of a step where nobody says otherwise, as in the interview."""


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
    """Biases that are trained beside the adapters."""
    objective: ObjectiveName = "sft"
    """What the loss teaches."""
    method: Kind | None = None
    """What is trained."""
    optimizer: Optimizer | None = None
    """The optimizer, by its name in transformers; None is AdamW, fused on a card."""
    rows: int | None = None
    """Training rows; None where they are not known, and there are enough."""
    lengths: Sequence[int] = ()
    """Tokens of each row; empty where all count as long as the longest."""
    seed: int = 0
    """Of the order of the rows."""
    effective_batch: int = EFFECTIVE_BATCH
    """Rows of a step, of all processes together."""
    micro_batch: int | None = None
    """Examples at once in one process."""
    accumulation: int | None = None
    """Micro-batches in a step; None follows from the effective batch."""
    checkpointing: bool | None = None
    """Whether activations are computed again in the backward pass."""
    packing: bool | None = None
    """Whether rows are joined up to the longest."""
    processes: int = 1
    """Processes that share the work, each with a card of its own."""
    parallel: Parallel | None = None
    """How they share it."""
    offload: Offload | None = None
    """What lies in main memory: nothing, the optimizer's states, or the weights too."""
