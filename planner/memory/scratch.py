"""What comes and goes in one layer at its widest moment, in bytes."""

from dataclasses import replace

from planner.layers import Block
from planner.memory import head, kept
from planner.memory.habits import habits
from planner.models import Architecture
from planner.profile import Profile


def backward(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return the widest moment of a layer's backward pass, around the MLP's last layer.

    The three moments: inside that layer in the forward pass (the last layer's, or a recomputed
    one's), at the product of gate and up in the backward pass, and where a weight of the layer
    is dequantised, or its gradient made, beside that. A mixture's are those of its experts;
    scores that are written out and trained norms behind the MLP may be wider.
    """
    w, h, f = profile.width, shape.hidden, block.mlp
    inside = _inside_down(shape, profile, block) + 5 * w * h + _int8(profile, block)
    freed = _down_input(profile, block)
    product = (3 if shape.gated_mlp else 2) * w * f - freed + 2 * w * h
    beside = 2 * w * f - freed + 2 * w * h
    weight = w * _made_anew(profile, block)
    ends = 20 * h if profile.method == "full" and habits(shape.family).post_norm else 0
    each = max(inside, product, ends, kept.scores(shape, profile))
    dense = max(each * profile.tokens, beside * profile.tokens + weight)
    return max(dense, _experts(shape, profile, block)) if block.experts else dense


def _experts(shape: Architecture, profile: Profile, block: Block) -> int:
    """A mixture's widest moment, seen in the tensors that live in transformers' classes.

    That is where experts' outputs are weighed, at the product inside them, or where the gradient
    of their weights is made (`grouped_mm_experts_forward`).
    """
    w, h, k, f = profile.width, shape.hidden, block.routed, block.expert
    weighed = 4 if habits(shape.family).weighs_in_float else w
    weighing = k * h * (2 * weighed + 2 * w) + w * h
    product = w * (3 * k * f - k * h + h)
    if profile.method != "full":
        return max(weighing, product) * profile.tokens
    each = max(weighing, product - w * k * f)
    weight = w * block.experts * (2 if shape.gated_mlp else 1) // (3 if shape.gated_mlp else 2)
    return max(each * profile.tokens, weight - w * (k * f - h) * profile.tokens)


def without_gradient(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return the widest moment of a pass that keeps nothing: in a layer, or at the head."""
    w, h, f = profile.width, shape.hidden, block.mlp
    quiet = replace(profile, dropout=0.0) if profile.dropout else profile
    product = (3 if shape.gated_mlp else 2) * w * f
    wide = max(product, _inside_down(shape, quiet, block)) + _int8(profile, block)
    routed = block.routed * w * (3 * h + 3 * block.expert)
    layer = (max(wide, routed, kept.scores(shape, profile)) + 6 * w * h) * profile.tokens
    return max(layer, head.scored_without_gradient(shape, profile))


def _made_anew(profile: Profile, block: Block) -> int:
    """Elements of the largest linear weight whose gradient is made, or that is dequantised."""
    if profile.method == "full" or profile.quantised_bits:
        return max(part.size for part in block.linears)
    return 0


def _int8(profile: Profile, block: Block) -> int:
    """Bytes a token of LLM.int8's product: float16 and int8 inputs, int32 and float16 outputs."""
    if profile.quantised_bits != 8:
        return 0
    return max(3 * part.inputs + 6 * part.outputs for part in block.linears)


def _inside_down(shape: Architecture, profile: Profile, block: Block) -> int:
    """Bytes a token that PEFT's layer holds beside what the backward pass needs.

    These are the product that entered, its cast where the adapter has another dtype, and
    dropout's output where autocast casts it again.
    """
    f, c, dropped = block.mlp, profile.adapter_width, profile.dropped > 0
    if profile.method == "full" or not _down_adapted(profile, block):
        return 0
    if not profile.casts:
        return profile.width * f * dropped
    if profile.autocast:
        return (profile.width + c + c * dropped) * f
    return (profile.width + c * dropped) * f + 3 * c * shape.hidden


def _down_input(profile: Profile, block: Block) -> int:
    """Bytes a token that the MLP's last layer keeps for its backward pass, and frees in it."""
    if profile.method == "full":
        return profile.width * block.mlp
    if not _down_adapted(profile, block):
        return 0
    return (profile.computed_width + profile.mask_width) * block.mlp


def _down_adapted(profile: Profile, block: Block) -> bool:
    return any(p.place == "down" and p.name in profile.targets for p in block.linears)
