"""What the product inside an MLP keeps, and its gradients, in bytes a token unless named."""

from planner.memory.family_quirks import habits
from planner.memory.widths import widens
from planner.models.facts import Architecture
from planner.models.layers import Block
from planner.setup.setup import Profile


def product(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return what an MLP keeps: gate, activation and up; a mixture's what it weighs beside."""
    w, h = profile.width, shape.hidden
    each = _element(shape, profile)
    if not block.experts:
        return each * block.mlp
    full = profile.method == "full"
    routed = each * block.expert + w * h + (w * (h + block.expert) if full else 0)
    router = 4 * shape.experts + 32 * block.routed
    shared = each * block.mlp + w * h if block.mlp or full else 0
    return block.routed * routed + router + shared


def gradients(shape: Architecture, profile: Profile) -> int:
    """Return what of gradients stands at once behind it, for each element of the MLP's width."""
    if _takes_power(shape, profile):
        return 12
    return (3 if shape.gated_mlp else 2) * profile.width


def _element(shape: Architecture, profile: Profile) -> int:
    """Bytes that the product inside an MLP keeps for each element of its width."""
    habit = habits(shape.family)
    if widens(shape, profile):
        return 4 * (habit.product_tensors or (3 if shape.gated_mlp else 1))
    if _takes_power(shape, profile):
        return habit.autocast_bytes
    return profile.width * (habit.product_tensors or (3 if shape.gated_mlp else 1))


def _takes_power(shape: Architecture, profile: Profile) -> bool:
    """Whether the activation function takes a power, for which autocast goes to float32."""
    autocast = profile.autocast and profile.device == "cuda"
    return autocast and habits(shape.family).autocast_bytes > 0
