"""A candidate plan with its memory estimate, and whether it fits."""

from dataclasses import dataclass

from planner.memory import Estimate
from planner.search.budget import HOST_PROCESS_BYTES, beyond_peak, whole_card_bytes, with_room
from planner.setup.setup import Profile


@dataclass(frozen=True)
class Plan:
    """One way to train a model on a machine, and the memory it needs per process."""

    profile: Profile
    """The training setup."""
    accumulation: int
    """Micro-batches per optimizer step, at least 1."""
    estimate: Estimate
    """Its memory, phase by phase."""
    budget_bytes: int
    """Bytes available to torch's allocator, or to a process on CPU."""
    host_budget_bytes: int | None = None
    """Bytes of main memory that each process may offload to; None where unknown."""

    @property
    def allocated_bytes(self) -> int:
        """Peak bytes of torch's allocator, or of a process on CPU."""
        return self.estimate.peak.peak_bytes

    @property
    def total_bytes(self) -> int:
        """Peak bytes of the process, including the allocator's reserve and the CUDA context."""
        if self.profile.device == "cpu":
            return self.allocated_bytes
        return whole_card_bytes(self.wanted_bytes)

    @property
    def wanted_bytes(self) -> int:
        """Bytes that must be available to each process, which the budget is compared with: the
        peak, with what recorded passes may fragment and what several cards need besides."""
        peak = with_room(self.allocated_bytes, self.profile)
        return peak + beyond_peak(self.estimate, self.profile)

    @property
    def fits(self) -> bool:
        """Whether the plan is within the budget of its device and of main memory."""
        return self.wanted_bytes <= self.budget_bytes and self.offload_fits

    @property
    def host_bytes(self) -> int:
        """Main memory that each process needs besides its own: what it offloads, or the model while
        it is loaded."""
        return max(self.estimate.host_bytes, self.estimate.loading_bytes)

    @property
    def offload_fits(self) -> bool:
        """Whether main memory holds that; True where its size is unknown."""
        if not self.host_bytes or not self.host_budget_bytes:
            return True
        return self.host_bytes + HOST_PROCESS_BYTES <= self.host_budget_bytes

    @property
    def zero_stage(self) -> int:
        """The ZeRO stage, 0 to 3; FSDP2 shards everything and counts as 3."""
        return self.profile.engine.zero_stage
