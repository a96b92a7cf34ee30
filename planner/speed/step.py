"""Seconds of a step: the card and its host work side by side, and wait where they must.

TRL reads metrics after each forward pass, so that the host waits for the card there. Between two
such moments lie a backward and a forward pass, which the card may not begin before the host has
started them: the time is that of the longest way through both.
"""

from planner.memory.facts import Sized
from planner.setup.setup import Profile
from planner.speed.accelerator import FITTED, Coefficients, Rated
from planner.speed.passes import backward, forward, recomputed
from planner.speed.updates import trained_tensors, updated_bytes


def step_seconds(
    model: Sized,
    profile: Profile,
    accelerator: Rated | None,
    accumulation: int,
    coefficients: Coefficients = FITTED,
) -> float | None:
    """Return the seconds of one optimizer step of `accumulation` micro-steps, or None as `known`
    says."""
    if not known(profile, accelerator):
        return None
    assert accelerator
    micro = micro_seconds(model, profile, accelerator, coefficients)
    return accumulation * micro + around_seconds(model, profile, accelerator, coefficients)


def known(profile: Profile, accelerator: Rated | None) -> bool:
    """Return whether the speed of a plan can be told.

    It cannot on CPU, on a card without known rates, and where weights or gradients of the model's
    size travel between cards or from main memory.
    """
    if accelerator is None or profile.device == "cpu" or _travels(profile):
        return False
    return accelerator.bf16_flops > 0 and accelerator.bandwidth_bytes_per_second > 0


def micro_seconds(
    model: Sized, profile: Profile, accelerator: Rated, coefficients: Coefficients = FITTED
) -> float:
    """Return the seconds of one forward and backward pass, where the speed is `known`."""
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
    if profile.quantised_bits == 8:  # LLM.int8 asks the card for outliers in every layer
        return trainer + card + host
    return trainer + max(card, host, host_back + card_there)


def evaluation_seconds(
    model: Sized, profile: Profile, accelerator: Rated, coefficients: Coefficients = FITTED
) -> float:
    """Return the seconds of one forward pass that nothing is learnt from."""
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
    whole = forward(shape, profile) + recomputed(shape, profile) + backward(shape, profile)
    return whole.matrix_flops + whole.attention_flops + whole.masked_flops


def _travels(profile: Profile) -> bool:
    if profile.offload != "none" or profile.engine.zero_stage == 3:
        return True
    return profile.parallel != "single" and profile.method == "full"
