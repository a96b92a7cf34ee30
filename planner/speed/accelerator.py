"""What a card reaches of its rates, and what its host needs to keep it busy."""

from dataclasses import dataclass
from typing import Protocol

from planner.speed.work import Work

MEASURED_CARDS = frozenset(["H100 SXM", "H200"])
"""Cards, by their names in the catalogue, on which steps were measured."""


class Rated(Protocol):
    """A card, as far as speed depends on it."""

    @property
    def bf16_flops(self) -> float:
        """Dense bf16 operations a second by its specification."""

    @property
    def bandwidth_bytes_per_second(self) -> float:
        """Of its memory."""

    @property
    def host(self) -> float:
        """How long its host takes, as a multiple of the one that the coefficients belong to."""


@dataclass(frozen=True)
class Coefficients:
    """What belongs to the device, its host and the stack, and to no model."""

    matrix_share: float = 0.75
    """Share of the card's bf16 rate that matrix products reach."""
    attention_share: float = 0.53
    """The same of fused attention, forward."""
    attention_backward_share: float = 0.6
    """The same backward."""
    masked_share: float = 0.3
    """The same of attention under a mask, on the whole square."""
    traffic_share: float = 0.71
    """Share of the card's bandwidth that operations on single elements reach."""
    whole_share: float = 0.55
    """The same where quantised weights are made whole."""
    kernel_seconds: float = 2.3e-6
    """That the card needs for any operation, however small."""
    launch_seconds: float = 3.7e-5
    """To start one operation from Python."""
    backward_launch_seconds: float = 1.8e-5
    """To start one from autograd."""
    checkpoint_seconds: float = 1.2e-3
    """Around one checkpointed layer."""
    micro_step_seconds: float = 1.2e-2
    """Of the trainer around one micro-step."""
    step_seconds: float = 2.9e-3
    """Of the trainer around one optimizer step."""
    tensor_seconds: float = 2.2e-5
    """To clip and update one trained tensor."""
    eight_bit_share: float = 0.12
    """As `traffic_share`, of bitsandbytes' update with 8-bit states."""
    eight_bit_tensor_seconds: float = 1.2e-4
    """As `tensor_seconds` of that update."""

    def forward_seconds(self, work: Work, card: Rated) -> float:
        """Return what the card needs for the work of a forward pass."""
        return self._seconds(work, card, self.attention_share)

    def backward_seconds(self, work: Work, card: Rated) -> float:
        """Return what the card needs for the work of a backward pass."""
        return self._seconds(work, card, self.attention_backward_share)

    def _seconds(self, work: Work, card: Rated, attention_share: float) -> float:
        products = work.matrix_flops / self.matrix_share
        products += work.attention_flops / attention_share + work.masked_flops / self.masked_share
        moved = work.traffic_bytes / self.traffic_share + work.whole_bytes / self.whole_share
        started = self.kernel_seconds * work.launches
        return started + products / card.bf16_flops + moved / card.bandwidth_bytes_per_second


FITTED = Coefficients()
"""Fitted to steps of one NVIDIA H200 and its host (`tests/planner/speed/test_points.py`)."""


def basis(card: str) -> str:
    """Return a sentence on how far the step times of a card may be trusted."""
    if card in MEASURED_CARDS:
        return "Step times were measured on this card."
    return f"Step times are rough: measured on other cards, and scaled by the rates of `{card}`."
