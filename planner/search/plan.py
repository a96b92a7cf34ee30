"""One plan with what it needs, and whether that fits."""

from dataclasses import dataclass

from planner.memory import Estimate
from planner.search.budget import whole_card_bytes
from planner.setup.setup import Profile


@dataclass(frozen=True)
class Plan:
    """One way to train a model on a machine, and what it needs in each process."""

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
        return whole_card_bytes(self.allocated_bytes)

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
        return self.profile.engine.zero_stage
