"""Estimates the seconds of a step, in which card and host work in parallel.

TRL reads metrics after each forward pass, so the host waits for the card there. Between two such
points are a backward and a forward pass, which the card cannot start before the host launches them:
the time is that of the critical path. At the end of a step, the host waits once more: the trainer
logs its loss. In padding-free passes nothing is read from the card before that. Nor is it in
micro-batches of supervised fine-tuning, but the points that the coefficients were fitted to still
had that wait, so it is counted for them.
"""

from dataclasses import dataclass, replace

from planner.memory.facts import Sized
from planner.models.facts import Architecture
from planner.setup.setup import Profile
from planner.speed import exchange
from planner.speed.accelerator import FITTED, Coefficients, Rated
from planner.speed.mixers import work_known
from planner.speed.passes import backward, forward, head_launches, recomputed
from planner.speed.updates import trained_tensors, updated_bytes
from planner.speed.work import Work


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
    found = _passes(model.architecture, profile, accelerator, coefficients)
    micro = _micro_seconds(found, model, profile, accelerator, coefficients)
    return accumulation * micro + _around_seconds(found, model, profile, accelerator, coefficients)


def known(shape: Architecture, profile: Profile, accelerator: Rated | None) -> bool:
    """Return whether the speed of a setup can be estimated.

    It cannot on CPU, on cards without known rates or links, and for layers whose work is not known.
    """
    if accelerator is None or profile.device == "cpu":
        return False
    if profile.ranks > 1 and not accelerator.links.known:
        return False
    rated = accelerator.bf16_flops > 0 and accelerator.bandwidth_bytes_per_second > 0
    return rated and work_known(shape)


def micro_seconds(
    model: Sized, profile: Profile, accelerator: Rated, coefficients: Coefficients = FITTED
) -> float:
    """Return the seconds of one forward and backward pass; requires `known`."""
    found = _passes(model.architecture, profile, accelerator, coefficients)
    return _micro_seconds(found, model, profile, accelerator, coefficients)


@dataclass(frozen=True)
class Passes:
    """The seconds of card and host for a forward pass, and for a backward pass with what it
    recomputes."""

    card_forward: float
    card_backward: float
    host_forward: float
    host_backward: float
    waits: bool
    """Whether the host waits for the card in every layer."""
    free: bool = False
    """Whether the host does not wait for the card after a forward pass."""

    @property
    def together(self) -> float:
        """Seconds of a backward pass and of the next forward pass, which the host launches while
        the card is still busy."""
        if self.waits:
            return self.apart
        card, host = self.card_forward + self.card_backward, self.host_forward + self.host_backward
        return max(card, host, 0 if self.free else self.host_backward + self.card_forward)

    @property
    def apart(self) -> float:
        """The same if the host waits for the card after each of them."""
        forward = self.card_forward, self.host_forward
        backward = self.card_backward, self.host_backward
        if self.waits:
            return sum(forward) + sum(backward)
        return self.together if self.free else max(forward) + max(backward)


def _passes(shape: Architecture, profile: Profile, accelerator: Rated, own: Coefficients) -> Passes:
    there, again = forward(shape, profile), recomputed(shape, profile)
    back = backward(shape, profile)
    host_there, host_back = _host(shape, profile, own, (there, again, back))
    return Passes(
        own.forward_seconds(there, accelerator),
        own.forward_seconds(again, accelerator) + own.backward_seconds(back, accelerator),
        accelerator.host * host_there,
        accelerator.host * host_back,
        profile.quantised_bits == 8,  # LLM.int8 looks for outliers
        _flows(profile),
    )


def _flows(profile: Profile) -> bool:
    """Return whether a setup has padding-free passes, or is one."""
    return profile.pass_tokens > 0 or profile.squares > 0


def _host(
    shape: Architecture, profile: Profile, own: Coefficients, works: tuple[Work, Work, Work]
) -> tuple[float, float]:
    """Return the seconds that a host of the coefficients launches a forward pass, and a backward
    pass with what it recomputes."""
    there, again, back = works
    if profile.graph_sizes:
        first, second = head_launches(shape, profile)
        return own.launch_seconds * first, own.backward_launch_seconds * second
    found = own.launch_seconds * again.host_launches
    found += own.backward_launch_seconds * back.host_launches
    found += own.checkpoint_seconds * shape.layers * profile.checkpointing
    compiled = own.compiled_seconds * shape.layers * (profile.kernels == "compiled")
    return own.launch_seconds * there.host_launches + compiled, found + compiled


def evaluation_seconds(
    model: Sized, profile: Profile, accelerator: Rated, coefficients: Coefficients = FITTED
) -> float:
    """Return the seconds of one forward pass of an evaluation."""
    there = forward(model.architecture, replace(profile, kernels="eager"))
    card = coefficients.forward_seconds(there, accelerator)
    host = accelerator.host * coefficients.launch_seconds * there.host_launches
    return accelerator.host * coefficients.micro_step_seconds + max(card, host)


def around_seconds(
    model: Sized, profile: Profile, accelerator: Rated, coefficients: Coefficients = FITTED
) -> float:
    """Return the seconds of a step besides its passes: clipping, the optimizer, the trainer, and
    the wait for the card at its end, when no next forward pass is launched yet."""
    found = _passes(model.architecture, profile, accelerator, coefficients)
    return _around_seconds(found, model, profile, accelerator, coefficients)


def _micro_seconds(
    found: Passes, model: Sized, profile: Profile, accelerator: Rated, own: Coefficients
) -> float:
    each = own.pass_seconds if _flows(profile) else own.micro_step_seconds
    trainer = accelerator.host * each
    trainer *= 2 if profile.spec.reference != "none" else 1
    if profile.parallel == "single":
        return trainer + found.together
    return exchange.micro_seconds(model, profile, accelerator, trainer + found.together)


def _around_seconds(
    found: Passes, model: Sized, profile: Profile, accelerator: Rated, own: Coefficients
) -> float:
    eight = profile.optimizer.endswith("8bit")
    share = own.eight_bit_share if eight else own.traffic_share
    each = own.eight_bit_tensor_seconds if eight else own.tensor_seconds
    each *= own.hidden_share if _flows(profile) else 1
    host = own.step_seconds + each * trained_tensors(model.architecture, profile)
    moved = updated_bytes(model, profile) / share
    waited = found.apart - found.together
    alone = waited + accelerator.host * host + moved / accelerator.bandwidth_bytes_per_second
    if profile.parallel == "single":
        return alone
    return alone + exchange.step_seconds(model, profile, accelerator, found.card_backward)


def flops(model: Sized, profile: Profile) -> float:
    """Return the floating-point operations of one micro-step's matrix products and attention."""
    shape = model.architecture
    total = forward(shape, profile) + recomputed(shape, profile) + backward(shape, profile)
    return total.matrix_flops + total.fp8_flops + total.attention_flops + total.masked_flops
