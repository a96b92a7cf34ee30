"""Estimates the seconds of a step, in which card and host work in parallel.

TRL reads metrics after each forward pass, so the host waits for the card there. Between two such
points are a backward and a forward pass, which the card cannot start before the host launches them:
the time is that of the critical path.
"""

from planner.memory.facts import Sized
from planner.models.facts import Architecture
from planner.setup.setup import Profile
from planner.speed.accelerator import FITTED, Coefficients, Rated
from planner.speed.mixers import work_known
from planner.speed.passes import backward, forward, recomputed
from planner.speed.updates import trained_tensors, updated_bytes


def step_seconds(
    model: Sized,
    profile: Profile,
    accelerator: Rated | None,
    accumulation: int,
    coefficients: Coefficients = FITTED,
) -> float | None:
    """Return the seconds of one optimizer step of `accumulation` micro-steps; None if `known` is
    False."""
    if not known(model.architecture, profile, accelerator):
        return None
    assert accelerator
    micro = micro_seconds(model, profile, accelerator, coefficients)
    return accumulation * micro + around_seconds(model, profile, accelerator, coefficients)


def known(shape: Architecture, profile: Profile, accelerator: Rated | None) -> bool:
    """Return whether the speed of a setup can be estimated.

    It cannot on CPU, on a card without known rates, for layers whose work is not known, and if
    weights or gradients of the model's size are transferred between cards or from main memory.
    """
    if accelerator is None or profile.device == "cpu" or _travels(profile):
        return False
    rated = accelerator.bf16_flops > 0 and accelerator.bandwidth_bytes_per_second > 0
    return rated and work_known(shape)


def micro_seconds(
    model: Sized, profile: Profile, accelerator: Rated, coefficients: Coefficients = FITTED
) -> float:
    """Return the seconds of one forward and backward pass; requires `known`."""
    shape, own = model.architecture, coefficients
    there, again, back = (
        forward(shape, profile),
        recomputed(shape, profile),
        backward(shape, profile),
    )
    card_there = own.forward_seconds(there, accelerator)
    card = card_there + own.forward_seconds(again, accelerator)
    card += own.backward_seconds(back, accelerator)
    host_back = own.launch_seconds * again.launches + own.backward_launch_seconds * back.launches
    host_back += own.checkpoint_seconds * shape.layers * profile.checkpointing
    host_back *= accelerator.host
    host = host_back + accelerator.host * own.launch_seconds * there.launches
    trainer = accelerator.host * own.micro_step_seconds
    trainer *= 2 if profile.spec.reference != "none" else 1
    if profile.quantised_bits == 8:  # LLM.int8 waits for the outliers of the card in every layer
        return trainer + card + host
    return trainer + max(card, host, host_back + card_there)


def evaluation_seconds(
    model: Sized, profile: Profile, accelerator: Rated, coefficients: Coefficients = FITTED
) -> float:
    """Return the seconds of one forward pass of an evaluation."""
    there = forward(model.architecture, profile)
    card = coefficients.forward_seconds(there, accelerator)
    host = accelerator.host * coefficients.launch_seconds * there.launches
    return accelerator.host * coefficients.micro_step_seconds + max(card, host)


def around_seconds(
    model: Sized, profile: Profile, accelerator: Rated, coefficients: Coefficients = FITTED
) -> float:
    """Return the seconds of a step outside its passes: clipping, the optimizer, the trainer."""
    eight = profile.optimizer.endswith("8bit")
    share = coefficients.eight_bit_share if eight else coefficients.traffic_share
    each = coefficients.eight_bit_tensor_seconds if eight else coefficients.tensor_seconds
    host = coefficients.step_seconds + each * trained_tensors(model.architecture, profile)
    moved = updated_bytes(model, profile) / share
    return accelerator.host * host + moved / accelerator.bandwidth_bytes_per_second


def flops(model: Sized, profile: Profile) -> float:
    """Return the floating-point operations of one micro-step's matrix products and attention."""
    shape = model.architecture
    total = forward(shape, profile) + recomputed(shape, profile) + backward(shape, profile)
    return total.matrix_flops + total.attention_flops + total.masked_flops


def _travels(profile: Profile) -> bool:
    if profile.offload != "none" or profile.engine.zero_stage == 3:
        return True
    return profile.parallel != "single" and profile.method == "full"
