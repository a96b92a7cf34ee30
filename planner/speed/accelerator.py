"""The efficiency of a card, and the overhead of its host."""

from dataclasses import dataclass
from typing import Protocol

from planner.catalogue.links import Links
from planner.speed.work import Work

MEASURED_CARDS = frozenset(["H100 SXM", "H200"])
"""Cards, by their names in the catalogue, on which steps were measured."""


class Rated(Protocol):
    """The facts of a card that speed depends on."""

    @property
    def bf16_flops(self) -> float:
        """Specified dense bf16 operations per second."""

    @property
    def bandwidth_bytes_per_second(self) -> float:
        """Memory bandwidth."""

    @property
    def host(self) -> float:
        """Slowness of its host, relative to the host of the coefficients."""

    @property
    def links(self) -> Links:
        """How fast several of it exchange data."""


@dataclass(frozen=True)
class Coefficients:
    """Properties of the device, its host and the training stack, but not of a model."""

    matrix_share: float = 0.75
    """Share of the card's bf16 rate that matrix products reach."""
    fp8_share: float = 1.47
    """The same for matrix products in FP8."""
    attention_share: float = 0.53
    """The same for fused attention, forward."""
    attention_backward_share: float = 0.6
    """The same for fused attention, backward."""
    masked_share: float = 0.3
    """The same for masked attention, on the full square."""
    traffic_share: float = 0.71
    """Share of the card's bandwidth that elementwise operations reach."""
    expert_share: float = 0.82
    """The same for reading the weights of experts."""
    dequantize_share: float = 0.55
    """The same for dequantizing weights."""
    kernel_seconds: float = 2.3e-6
    """Minimum time of an operation on the card."""
    launch_seconds: float = 3.7e-5
    """Time to launch an operation from Python."""
    backward_launch_seconds: float = 1.7e-5
    """Time to launch an operation from autograd."""
    checkpoint_seconds: float = 1.6e-3
    """Overhead of one checkpointed layer."""
    compiled_seconds: float = 6e-4
    """Overhead of one compiled layer, in a forward or a backward pass."""
    micro_step_seconds: float = 7e-3
    """Overhead of the trainer per micro-step."""
    pass_seconds: float = 1e-3
    """The same per padding-free pass, for which fewer metrics are read."""
    step_seconds: float = 2.9e-3
    """Overhead of the trainer per optimizer step."""
    tensor_seconds: float = 2.2e-5
    """Time to clip and update one trained tensor."""
    hidden_share: float = 0.25
    """Share of that time for which the card waits, after padding-free passes."""
    eight_bit_share: float = 0.12
    """Like `traffic_share`, for bitsandbytes' update with 8-bit states."""
    eight_bit_tensor_seconds: float = 1.2e-4
    """Like `tensor_seconds`, for that update."""

    def forward_seconds(self, work: Work, card: Rated) -> float:
        """Return the card's time for the work of a forward pass, in seconds."""
        return self._seconds(work, card, self.attention_share)

    def backward_seconds(self, work: Work, card: Rated) -> float:
        """Return the card's time for the work of a backward pass, in seconds."""
        return self._seconds(work, card, self.attention_backward_share)

    def _seconds(self, work: Work, card: Rated, attention_share: float) -> float:
        products = work.matrix_flops / self.matrix_share + work.fp8_flops / self.fp8_share
        products += work.attention_flops / attention_share + work.masked_flops / self.masked_share
        moved = work.traffic_bytes / self.traffic_share + work.expert_bytes / self.expert_share
        moved += work.dequantized_bytes / self.dequantize_share
        started = self.kernel_seconds * work.launches
        return started + products / card.bf16_flops + moved / card.bandwidth_bytes_per_second


FITTED = Coefficients()
"""Fitted to steps of one NVIDIA H200 and its host (`tests/planner/speed/test_points.py`); what the
host takes also to steps on further hosts (`test_points_families.py`)."""


def basis(card: str) -> str:
    """Return a sentence on the accuracy of the step times for a card."""
    if card in MEASURED_CARDS:
        return "Step times were measured on this card."
    return f"Step times are rough: measured on other cards and scaled to the specs of `{card}`."
