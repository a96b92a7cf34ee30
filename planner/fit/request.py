"""What a person may set for `tunelock fit`, and one plan that comes of it."""

from dataclasses import dataclass
from typing import Literal

from planner.memory import Estimate
from planner.parallelism.layouts import ZERO_STAGES, Offload, Parallel
from planner.search.candidates import CUDA_CONTEXT_BYTES, CUDA_RESERVE
from planner.setup.setup import Kind, Profile

Objective = Literal["sft", "dpo", "reward"]
Optimizer = Literal["adamw_torch", "adamw_torch_fused", "adamw_8bit", "paged_adamw_8bit"]


@dataclass(frozen=True)
class Wish:
    """What a person set; None leaves a value to be chosen."""

    objective: Objective = "sft"
    """What the loss teaches."""
    method: Kind | None = None
    """What is trained; None tries every method."""
    rank: int | None = None
    """Adapter rank, at least 1."""
    length: int | None = None
    """Longest row, in tokens."""
    micro_batch: int | None = None
    """Rows at once on one card, at least 1; pairs for DPO and reward."""
    checkpointing: bool | None = None
    """Whether activations are computed again in the backward pass."""
    optimizer: Optimizer | None = None
    """The optimizer, by the name that transformers gives it."""
    dropout: float | None = None
    """Of the adapters, 0 to 1."""
    accumulation: int | None = None
    """Micro-batches in a step, at least 1."""
    packing: bool = False
    """Whether rows are joined up to `length`."""
    parallel: Parallel | None = None
    """How several cards share the work."""
    offload: Offload | None = None
    """What lies in main memory: nothing, the optimizer's states, or the weights too."""


@dataclass(frozen=True)
class Plan:
    """One way to train a model on a machine, and what it needs on each card."""

    profile: Profile
    """Its values."""
    accumulation: int
    """Micro-batches in a step, at least 1."""
    estimate: Estimate
    """What it holds, phase by phase."""
    budget_bytes: int
    """What torch's allocator, or a process on CPU, may hold."""
    host_budget_bytes: int | None = None
    """What each process may offload to main memory; None where it is not known."""

    @property
    def allocated_bytes(self) -> int:
        """What torch's allocator, or a process on CPU, holds at its peak."""
        return self.estimate.peak.peak_bytes

    @property
    def total_bytes(self) -> int:
        """The whole process at its peak: with the allocator's reserve and the context."""
        if self.profile.device == "cpu":
            return self.allocated_bytes
        return int(self.allocated_bytes * (1 + CUDA_RESERVE)) + CUDA_CONTEXT_BYTES

    @property
    def fits(self) -> bool:
        """Whether it keeps to the budget, and so does what it offloads."""
        return self.allocated_bytes <= self.budget_bytes and self.offload_fits

    @property
    def offload_fits(self) -> bool:
        """Whether main memory, as far as it is known, holds what is offloaded."""
        return self.estimate.host_bytes <= (self.host_budget_bytes or self.estimate.host_bytes)

    @property
    def zero_stage(self) -> int:
        """What its cards share, as a stage of ZeRO, 0 to 3; FSDP2 shares all, as stage 3 does."""
        return ZERO_STAGES.get(self.profile.parallel, 0)
