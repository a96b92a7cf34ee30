"""The peak of temporary tensors in one layer, in bytes."""

from planner.memory import compiled_layers, loss_head, mlp, saved_activations
from planner.memory.family_quirks import habits
from planner.memory.mixers import costs
from planner.memory.widths import inner_width, quantised, shares_norm_input, widens
from planner.models.facts import Architecture
from planner.models.layers import Block
from planner.setup.setup import Profile


def backward(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return the peak of a layer's backward pass, which is around the MLP's down projection.

    Candidates are the down projection in the (recomputed) forward pass, the product of gate and up
    in the backward pass, and the point where a weight of the layer is dequantized or its gradient
    is computed. In a mixture, the experts have these peaks. Eager attention's scores and trained
    norms after the MLP may need more.
    """
    if compiled_layers.compiled(shape, profile):
        return compiled_layers.backward(shape, profile, block)
    if widens(shape, profile) and not block.experts:
        return _widened(shape, profile, block)
    hidden, inner = profile.width * shape.hidden, profile.width * block.mlp
    freed, trained = _down_input(profile, block), profile.method == "full"
    moments = {
        "down projection, forward": _inside_down(shape, profile, block)
        + 5 * hidden
        + _int8(shape, profile, block),
        "product of gate and up": mlp.gradients(shape, profile) * block.mlp - freed + 2 * hidden,
        "norm after the MLP": 20 * shape.hidden
        if trained and habits(shape.family).post_norm
        else 0,
        "attention scores": _scores(block.attention or shape, profile, block),
        "mixer": _mixer(shape, profile, block),
    }
    weight = profile.width * _largest_weight(shape, profile, block)
    at_weight = (2 * inner - freed + 2 * hidden) * profile.tokens + weight
    dense = max(max(moments.values()) * profile.tokens, at_weight)
    beside = sum(costs(one).backward(shape, profile, block) for one in block.beside)
    dense += beside * profile.tokens
    return max(dense, _experts(shape, profile, block)) if block.experts else dense


def _widened(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return the same if the MLP and the residual stream are float32 (`widths.widens`).

    Counted from live tensors in transformers' classes: inside the down projection (in
    bitsandbytes' product or in the adapter), in its backward pass, and in that of the product.
    """
    hidden, inner, habit = shape.hidden, block.mlp, habits(shape.family)
    shared = 4 * hidden if shares_norm_input(shape) else 0
    residual = 10 * hidden + shared
    product = 0 if habit.keeps_product else 4 * inner
    freed = _down_input(profile, block)
    three = shape.gated_mlp or habit.product_tensors
    moments = {
        "adapter of the down projection": product
        + 4 * hidden
        + (4 * inner if profile.dropped else 0)
        + residual,
        "product of gate and up": (12 if three else 10) * inner - freed + 4 * hidden + shared // 2,
        "attention scores": _scores(shape, profile, block),
    }
    cast = product + 2 * inner - freed + 2 * hidden + residual + _int8(shape, profile, block)
    weight = profile.width * _largest_weight(shape, profile, block)
    return max(max(moments.values()) * profile.tokens, cast * profile.tokens + weight)


def forward(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return the peak of a checkpointed layer's forward pass, inside the MLP's down projection or
    at attention's scores."""
    moments = {
        "down projection": _inside_down(shape, profile, block)
        + _down_input(profile, block)
        + 6 * profile.width * shape.hidden,
        "attention scores": _written(block.attention or shape, profile),
        "mixer": costs(block.mixer).forward(shape, profile, block) if block.mixer else 0,
        "experts": _weighting(shape, profile, block),
    }
    beside = sum(costs(one).forward(shape, profile, block) for one in block.beside)
    return (max(moments.values()) + beside) * profile.tokens


def _weighting(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return the bytes per token where a mixture weights its experts' outputs, forward: their
    inputs, their outputs, and the weighted ones before and after they are sorted."""
    weighted = 4 if habits(shape.family).weighs_in_float else profile.width
    return 2 * (profile.width + weighted) * block.routed * shape.hidden


def _written(shape: Architecture, profile: Profile) -> int:
    """Return the bytes per token at eager attention's scores in a forward pass."""
    width = inner_width(shape, profile)
    each = saved_activations.scores(shape)[2] + width - profile.width
    written = saved_activations.scores(shape)[2] > 0
    return each * shape.heads * profile.length + 10 * width * shape.hidden if written else 0


def _scores(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return the bytes per token at the scores in the backward pass, less what the MLP freed.

    CPU's softmax does not allocate the product of output and gradient.
    """
    temporary = saved_activations.scores(shape)[1]
    product = 4 if temporary and profile.device == "cpu" else 0
    each = (temporary - product) * shape.heads * profile.length
    hidden = 2 * profile.width * shape.hidden
    return each + hidden - saved_activations.behind_attention(shape, profile, block) if each else 0


def _mixer(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return the bytes per token in a mixer's backward pass, less what the MLP freed."""
    if not block.mixer:
        return 0
    freed = saved_activations.behind_mixer(shape, profile, block)
    return (
        costs(block.mixer).backward(shape, profile, block)
        + 2 * profile.width * shape.hidden
        - freed
    )


def _experts(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return the peak in a mixture's experts, counted from live tensors in transformers' classes.

    It is where their outputs are weighted or put back in order, at their product of gate and up, or
    where the gradient of their weights is computed (`grouped_mm_experts_forward`).
    """
    width, hidden = profile.width, profile.width * shape.hidden
    routed, inner = block.routed * hidden, width * block.routed * block.expert
    weighted = (4 if habits(shape.family).weighs_in_float else width) * block.routed * shape.hidden
    weighting = 3 * weighted + 4 * hidden
    product = 3 * inner - routed + hidden
    if profile.method != "full":
        summing = _summing(shape, profile, block)
        return max(weighting, product, summing) * profile.tokens
    each = max(weighting, product - inner)
    first, every = (2, 3) if shape.gated_mlp else (1, 2)
    gradient = width * block.experts * first // every
    return max(each * profile.tokens, gradient - (inner - hidden) * profile.tokens)


def _summing(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return the bytes per token where the experts' outputs are summed in a recomputed layer.

    A GPU's autocast converts them to float32 for it. The function still holds its own inputs, and
    the shared expert has not run yet. Without one, nothing is saved after the outputs are in order,
    where the recomputation stops (`_StopRecomputationError` in `torch/utils/checkpoint.py`).
    """
    if not (profile.autocast and profile.device == "cuda" and profile.width < 4):
        return 0
    if not block.mlp:
        return 0
    held = {
        "inputs and weighted outputs": 2 * profile.width * block.routed * shape.hidden,
        "outputs in float32, and their sum": 4 * (block.routed + 1) * shape.hidden,
        "residual stream and its norm": 2 * profile.width * shape.hidden,
        "shared expert": -mlp.dense(shape, profile, block),
    }
    return sum(held.values())


def without_gradient(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return the peak of a pass without gradients, in a layer or at the head."""
    hidden, inner = profile.width * shape.hidden, profile.width * block.mlp
    product = (3 if shape.gated_mlp else 2) * inner
    dense = max(product, _inside_down(shape, profile, block, drops=False)) + _int8(
        shape, profile, block
    )
    experts = 3 * block.routed * (hidden + profile.width * block.expert)
    moments = {
        "MLP": max(dense, experts) + 6 * hidden,
        "experts": _weighting(shape, profile, block) + 6 * hidden,
        "attention scores": _written(block.attention or shape, profile),
        "mixer": costs(block.mixer).quiet(shape, profile, block) if block.mixer else 0,
    }
    beside = sum(costs(one).quiet(shape, profile, block) for one in block.beside)
    layer = (max(moments.values()) + beside) * profile.tokens
    return max(layer, loss_head.scored_without_gradient(shape, profile))


def _largest_weight(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return the elements of the largest linear weight with a gradient or a dequantized copy."""
    if profile.method == "full":
        return max(part.size for part in block.linears)
    if quantised(shape, profile):
        return max(part.size for part in block.linears if part.quantized)
    return 0


def _int8(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return LLM.int8's bytes per token: float16 and int8 inputs, int32 and float16 outputs."""
    if quantised(shape, profile) != 8:
        return 0
    return max(3 * part.inputs + 6 * part.outputs for part in block.linears if part.quantized)


def _inside_down(shape: Architecture, profile: Profile, block: Block, *, drops: bool = True) -> int:
    """Return the temporary bytes per token in PEFT's layer for the MLP's down projection.

    These are its input, its cast if the adapter has another dtype, and dropout's output if
    autocast casts that again; without dropout's where the pass does not drop (`drops`).
    """
    inner, adapter = block.mlp, profile.adapter_width
    if profile.method == "full" or not _down_adapted(profile, block):
        return 0
    drops = drops and profile.dropped > 0
    dropout = adapter * inner if drops else 0
    if not profile.casts:
        return profile.width * inner * drops
    entered = 0 if habits(shape.family).keeps_product else profile.width * inner
    if profile.autocast:
        return entered + adapter * inner + dropout
    return entered + dropout + 3 * adapter * shape.hidden


def _down_input(profile: Profile, block: Block) -> int:
    """Return the bytes per token that the MLP's down projection saves and then frees."""
    if profile.method == "full":
        return profile.width * block.mlp
    if not _down_adapted(profile, block):
        return 0
    return (profile.computed_width + profile.mask_width) * block.mlp


def _down_adapted(profile: Profile, block: Block) -> bool:
    return any(p.place == "down" and p.name in profile.targets for p in block.linears)
