"""The tensors that an MLP saves, and their gradients, in bytes per token unless stated."""

from planner.memory.family_quirks import habits
from planner.memory.widths import quantised, widens
from planner.models.facts import Architecture
from planner.models.families import FAMILIES
from planner.models.layers import Block
from planner.setup.setup import Profile


def product(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return what an MLP saves: gate, activation and up; in a mixture, also weighted outputs."""
    width, hidden = profile.width, shape.hidden
    each = _element(shape, profile)
    if not block.experts:
        return dense(shape, profile, block)
    full = profile.method == "full"
    gated = FAMILIES[shape.family].shared_gate and block.mlp > 0
    one_expert = {
        "gate, activation and up": each * block.expert,
        "weighted output": width * hidden,
        "inputs of trained weights": width * (hidden + block.expert) if full else 0,
    }
    held = {
        "routed experts": block.routed * sum(one_expert.values()),
        "router's probabilities": 4 * shape.experts,
        "router's choices": 32 * block.routed,
        "shared expert": dense(shape, profile, block),
        "shared expert's output, or the input of trained layers": width * hidden * (gated or full),
    }
    return sum(held.values())


def dense(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return what an MLP, or a mixture's shared expert, saves."""
    return _element(shape, profile) * block.mlp


def router(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return what a router with a norm of its own saves, besides what `product` counts."""
    return (4 + (profile.width if profile.method == "full" else 0)) * shape.hidden


def gradients(shape: Architecture, profile: Profile) -> int:
    """Return the bytes of gradients that exist at once, per element of the MLP's width."""
    if _takes_power(shape, profile):
        return habits(shape.family).power_bytes
    return (3 if shape.gated_mlp else 2) * profile.width


def _element(shape: Architecture, profile: Profile) -> int:
    """Return the bytes that an MLP saves per element of its width."""
    habit = habits(shape.family)
    if widens(shape, profile):
        return 4 * (habit.product_tensors or (3 if shape.gated_mlp else 1))
    if _takes_power(shape, profile):
        if habit.quantized_bytes and quantised(shape, profile):
            return habit.quantized_bytes
        return habit.autocast_bytes + habit.trained_bytes * (profile.method == "full")
    return profile.width * (habit.product_tensors or (3 if shape.gated_mlp else 1))


def _takes_power(shape: Architecture, profile: Profile) -> bool:
    """Return whether the activation function uses `pow`, which autocast computes in float32."""
    autocast = profile.autocast and profile.device == "cuda"
    return autocast and habits(shape.family).autocast_bytes > 0
