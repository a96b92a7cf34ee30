"""What comes and goes in one layer at its widest moment, in bytes."""

from dataclasses import replace

from planner.memory import loss_head, mlp, saved_activations
from planner.memory.family_quirks import habits
from planner.memory.widths import inner_width, quantised, shares_norm_input, widens
from planner.models.facts import Architecture
from planner.models.layers import Block
from planner.setup.setup import Profile


def backward(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return the widest moment of a layer's backward pass, around the MLP's last layer.

    The three moments: inside that layer in the forward pass (the last layer's, or a recomputed
    one's), at the product of gate and up in the backward pass, and where a weight of the layer
    is dequantised, or its gradient made, beside that. A mixture's are those of its experts;
    scores that are written out and trained norms behind the MLP may be wider.
    """
    if widens(shape, profile) and not block.experts:
        return _widened(shape, profile, block)
    w, h, f = profile.width, shape.hidden, block.mlp
    inside = _inside_down(shape, profile, block) + 5 * w * h + _int8(shape, profile, block)
    freed = _down_input(profile, block)
    product = mlp.gradients(shape, profile) * f - freed + 2 * w * h
    beside = 2 * w * f - freed + 2 * w * h
    weight = w * _made_anew(shape, profile, block)
    ends = 20 * h if profile.method == "full" and habits(shape.family).post_norm else 0
    each = max(inside, product, ends, _scores(shape, profile, block))
    dense = max(each * profile.tokens, beside * profile.tokens + weight)
    return max(dense, _experts(shape, profile, block)) if block.experts else dense


def _widened(shape: Architecture, profile: Profile, block: Block) -> int:
    """The same where the MLP and the sum that layers add to are float32 (`widths.widens`).

    Seen in the tensors that live in transformers' classes: inside the MLP's last layer, in
    bitsandbytes' product or in the adapter; at its backward pass; and at the product's.
    """
    h, f, habit = shape.hidden, block.mlp, habits(shape.family)
    beside = 4 * h if shares_norm_input(shape) else 0
    standing = 10 * h + beside
    product = 0 if habit.keeps_product else 4 * f
    weight = profile.width * _made_anew(shape, profile, block)
    freed = _down_input(profile, block)
    cast = product + 2 * f - freed + 2 * h + standing + _int8(shape, profile, block)
    adapter = product + 4 * h + (4 * f if profile.dropped else 0) + standing
    three = shape.gated_mlp or habit.product_tensors
    behind = (12 if three else 10) * f - freed + 4 * h + beside // 2
    each = max(adapter, behind, _scores(shape, profile, block))
    return max(each * profile.tokens, cast * profile.tokens + weight)


def forward(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return the widest moment of a checkpointed layer's forward pass, inside the MLP's last
    layer or at attention's scores."""
    inside = _inside_down(shape, profile, block) + _down_input(profile, block)
    at_once = inside + 6 * profile.width * shape.hidden
    return max(at_once, _written(shape, profile)) * profile.tokens


def _written(shape: Architecture, profile: Profile) -> int:
    """Bytes a token at attention's scores in a forward pass."""
    width = inner_width(shape, profile)
    each = saved_activations.scores(shape)[2] + width - profile.width
    written = saved_activations.scores(shape)[2] > 0
    return each * shape.heads * profile.length + 10 * width * shape.hidden if written else 0


def _scores(shape: Architecture, profile: Profile, block: Block) -> int:
    """Bytes a token at them in the backward pass, beside what a layer keeps, whose MLP is done.

    CPU's softmax makes no product of its output and gradient.
    """
    passing = saved_activations.scores(shape)[1]
    made = 4 if passing and profile.device == "cpu" else 0
    each = (passing - made) * shape.heads * profile.length
    beside = 2 * profile.width * shape.hidden
    return each + beside - saved_activations.behind_attention(shape, profile, block) if each else 0


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
    wide = max(product, _inside_down(shape, quiet, block)) + _int8(shape, profile, block)
    routed = block.routed * w * (3 * h + 3 * block.expert)
    layer = max(max(wide, routed) + 6 * w * h, _written(shape, profile)) * profile.tokens
    return max(layer, loss_head.scored_without_gradient(shape, profile))


def _made_anew(shape: Architecture, profile: Profile, block: Block) -> int:
    """Elements of the largest linear weight whose gradient is made, or that is dequantised."""
    if profile.method == "full" or quantised(shape, profile):
        return max(part.size for part in block.linears)
    return 0


def _int8(shape: Architecture, profile: Profile, block: Block) -> int:
    """Bytes a token of LLM.int8's product: float16 and int8 inputs, int32 and float16 outputs."""
    if quantised(shape, profile) != 8:
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
    entered = 0 if habits(shape.family).keeps_product else profile.width
    if profile.autocast:
        return (entered + c + c * dropped) * f
    return (entered + c * dropped) * f + 3 * c * shape.hidden


def _down_input(profile: Profile, block: Block) -> int:
    """Bytes a token that the MLP's last layer keeps for its backward pass, and frees in it."""
    if profile.method == "full":
        return profile.width * block.mlp
    if not _down_adapted(profile, block):
        return 0
    return (profile.computed_width + profile.mask_width) * block.mlp


def _down_adapted(profile: Profile, block: Block) -> bool:
    return any(p.place == "down" and p.name in profile.targets for p in block.linears)
