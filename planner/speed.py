"""How long an optimizer's step takes on one card: a first version, by the card's rates.

A micro-step takes what the longer of two takes: the card's work, or starting that work from
Python. The work is matrix products at the card's bf16 rate and traffic at its bandwidth. Four
coefficients belong to the stack and the host; they were calibrated on 8 steps of one H200
(`tests/planner/test_speed.py`); on 8 others the steps were wrong by 13% on average and by 24% at
most. Fused kernels (Liger) and `torch.compile` are not counted.
"""

from functools import lru_cache
from typing import Protocol

from planner import layers
from planner.memory import kept
from planner.memory.facts import Sized
from planner.memory.trained import trained_parameters
from planner.models import Architecture
from planner.profile import Profile

MATRIX_SHARE = 0.8
"""Share of the bf16 rate that large matrix products reach, measured on an H200."""
TRAFFIC = 27.0
"""Bytes moved for each byte that a pass keeps, with an adapter's narrow products in it."""
LAUNCH_SECONDS = 2.2e-5
"""Of starting one operation from Python, autograd's share included."""
CHECKPOINT_SECONDS = 5.0e-3
"""Of checkpointing one layer, beside its operations."""
STEP_SECONDS = 0.13
"""Of the trainer around one optimizer step."""
LAYER_OPERATIONS = 25
"""Operations that one pass starts in a layer without adapters."""
ADAPTER_OPERATIONS = 6
"""The same for one adapter, without dropout."""
QUANTISED_OPERATIONS = 2
"""The same for dequantising one weight."""


class Rated(Protocol):
    """A card, as far as speed depends on it."""

    @property
    def bf16_flops(self) -> float:
        """Dense bf16 operations a second by its specification."""

    @property
    def bandwidth_bytes_per_second(self) -> float:
        """Of its memory."""


def step_seconds(
    model: Sized, profile: Profile, accelerator: Rated | None, accumulation: int
) -> float | None:
    """Return the seconds of one optimizer step of `accumulation` micro-steps.

    None on CPU, on a card without known rates, and where weights or gradients of the model's
    size travel between cards or from main memory, whose speed is not known.
    """
    if accelerator is None or profile.device == "cpu" or _travels(profile):
        return None
    if not accelerator.bf16_flops or not accelerator.bandwidth_bytes_per_second:
        return None
    work = _matrix_seconds(model, profile, accelerator)
    work += _traffic_bytes(model, profile) / accelerator.bandwidth_bytes_per_second
    micro = max(work, _launch_seconds(model.architecture, profile))
    states = trained_parameters(model, profile) * profile.adapter_width * 7
    optimizer = states / accelerator.bandwidth_bytes_per_second
    return STEP_SECONDS + accumulation * micro + optimizer


def flops(model: Sized, profile: Profile) -> float:
    """Return the floating-point operations of one micro-step.

    For each parameter that a token meets: 2 forward, 2 backward, 2 more where its gradient is
    needed (full: 6, LoRA: 4), 2 to recompute, 2 for DPO's reference. Causal attention adds half
    of its square.
    """
    shape = model.architecture
    passes = (3 if profile.method == "full" else 2) + _more_forwards(profile)
    seen = min(profile.length, shape.sliding_window or profile.length)
    full = shape.layers // shape.sliding_every if shape.sliding_every else 0
    keys = full * profile.length + (shape.layers - full) * seen
    attention = 2 * shape.heads * shape.head_dim * keys * (3 + _more_forwards(profile))
    return float(profile.tokens * (2 * passes * _met_by_token(shape) + attention))


def _travels(profile: Profile) -> bool:
    if profile.offload != "none" or profile.parallel in ("zero3", "fsdp2"):
        return True
    return profile.parallel != "single" and profile.method == "full"


def _more_forwards(profile: Profile) -> int:
    return int(profile.checkpointing) + int(profile.objective == "dpo")


@lru_cache(maxsize=4096)
def _met_by_token(shape: Architecture) -> int:
    """Parameters in products that one token passes through, the head among them."""
    found = shape.vocabulary * shape.hidden
    for block in layers.blocks(shape):
        routed = block.experts * block.routed // shape.experts if shape.experts else 0
        found += block.count * (block.linear_elements + routed)
    return found


def _matrix_seconds(model: Sized, profile: Profile, accelerator: Rated) -> float:
    return flops(model, profile) / (MATRIX_SHARE * accelerator.bf16_flops)


def _traffic_bytes(model: Sized, profile: Profile) -> float:
    """Activations written and read, and quantised weights made whole once a pass."""
    shape, found = model.architecture, 0.0
    again = 1.5 if profile.checkpointing else 1.0
    passes = 2 + _more_forwards(profile)
    for block in layers.blocks(shape):
        activations = sum(kept.activations(shape, profile, block).values()) * profile.tokens
        bits = profile.quantised_bits
        whole = passes * block.linear_elements * (bits / 8 + 2 * profile.width) if bits else 0
        found += block.count * (TRAFFIC * again * activations + whole)
    return found


def _launch_seconds(shape: Architecture, profile: Profile) -> float:
    """Seconds that Python needs to start a micro-step's operations."""
    passes, operations = 2 + profile.checkpointing, 0
    for block in layers.blocks(shape):
        adapters = sum(part.name in profile.targets for part in block.linears)
        quantised = len(block.linears) if profile.quantised_bits else 0
        each = LAYER_OPERATIONS + adapters * (ADAPTER_OPERATIONS + (profile.dropped > 0))
        each += QUANTISED_OPERATIONS * quantised
        reference = LAYER_OPERATIONS if profile.objective == "dpo" else 0
        operations += block.count * (passes * each + reference)
    hooks = CHECKPOINT_SECONDS * shape.layers if profile.checkpointing else 0.0
    return LAUNCH_SECONDS * operations + hooks
