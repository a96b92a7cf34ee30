"""The work of a forward and a backward pass, in the layers and in the loss head."""

from collections.abc import Iterator
from dataclasses import replace

from planner.memory.family_quirks import has_layer_norm, writes_scores
from planner.memory.saved_activations import masked_layers
from planner.models import layers
from planner.models.facts import Architecture
from planner.models.layers import TILE_COLUMNS, TILE_TOKENS, Block
from planner.setup.setup import Profile
from planner.speed import fp8
from planner.speed.compiled import compiled_parts
from planner.speed.mixers import effort
from planner.speed.parts import Part, adapters, one_key, parts
from planner.speed.work import Work

NF4_LAUNCHES = 3
"""Launches to dequantize one NF4 weight: its doubly quantized scales, their offset, the weight."""
NF4_HOST = 5
"""What bitsandbytes' Python code takes the host for that besides, in launches."""
INT8_LAUNCHES = 14
"""Launches of LLM.int8 per product: finding outliers and quantizing the input."""
FLOAT32_BYTES = 1.85
"""Relative cost of elementwise operations in float32."""
FLOAT32_TIMES = 15
"""Relative cost of matrix products in float32, which SDPA's math path uses."""
ZEROS_TIMES = 0.83
"""Relative cost of products with rows that are mostly zero, where all tokens go to all experts
(`Llama4TextMoe`): the card needs less power for them, and clocks higher."""
BALANCED = frozenset(
    [
        "deepseek_v4", "ernie4_5_moe", "glm5_next_text", "gpt_oss", "granitemoe",
        "granitemoehybrid", "laguna", "llama4_text", "minimax_m2", "mixtral", "olmoe", "phimoe",
        "qwen2_moe", "qwen3_5_moe_text", "qwen3_moe", "qwen3_next",
    ]
)  # fmt: skip
"""Families that return the routers' logits, from which TRL adds a loss that balances experts."""
BALANCE_LAUNCHES = (11, 2)
"""Launches of that loss per mixture, forward and backward (`load_balancing_loss_func`)."""
BACKWARD_ATTENTION = 2.5
"""Operations of fused attention's backward pass, which recomputes, relative to the forward."""


def forward(shape: Architecture, profile: Profile) -> Work:
    """Return the work of a forward pass; for DPO, including the reference's pass."""
    own = _layers_forward(shape, profile) + _head_forward(shape, profile)
    if profile.spec.reference == "none":
        return own
    return (
        own + _layers_forward(shape, replace(profile, targets=())) + _head_forward(shape, profile)
    )


def backward(shape: Architecture, profile: Profile) -> Work:
    """Return the work of a backward pass, without recomputation."""
    found = _head_backward(shape, profile)
    for block in layers.blocks(shape):
        found += _backward(shape, profile, block) * block.count
    return found


def recomputed(shape: Architecture, profile: Profile) -> Work:
    """Return the work that the backward pass recomputes."""
    return _layers_forward(shape, profile) if profile.checkpointing else Work()


def head_launches(shape: Architecture, profile: Profile) -> tuple[float, float]:
    """Return the launches of the loss head, forward and backward."""
    return _head_forward(shape, profile).launches, _head_backward(shape, profile).launches


def _layers_forward(shape: Architecture, profile: Profile) -> Work:
    found = Work()
    for block in layers.blocks(shape):
        found += _forward(shape, profile, block) * block.count
    return found


def _forward(shape: Architecture, profile: Profile, block: Block) -> Work:
    found = tuple(_parts(shape, profile, block))
    moved = _tokens(shape, profile) * sum(part.elements * part.forward_bytes for part in found)
    elements = Work(traffic_bytes=moved, launches=sum(part.forward_launches for part in found))
    own = _products(shape, profile, block) + _narrow(profile, block)
    own += fp8.products(profile, block, backward=False)
    return elements + own + _mixed(shape, profile, block)


def _backward(shape: Architecture, profile: Profile, block: Block) -> Work:
    found = tuple(_parts(shape, profile, block))
    moved = _tokens(shape, profile) * sum(part.elements * part.backward_bytes for part in found)
    elements = Work(traffic_bytes=moved, launches=sum(part.backward_launches for part in found))
    own = _products(shape, profile, block) + _narrow(profile, block) * 2
    own += _gradients(shape, profile, block) + fp8.products(profile, block, backward=True)
    return elements + own + _mixed(shape, profile, block) * BACKWARD_ATTENTION


def _parts(shape: Architecture, profile: Profile, block: Block) -> Iterator[Part]:
    if profile.kernels == "compiled":
        yield from compiled_parts(shape, profile, block)
        return
    if block.mixer:
        yield from effort(block.mixer).parts(shape, profile, block)
    yield from parts(shape, profile, block)
    yield adapters(profile, block)


def _tokens(shape: Architecture, profile: Profile) -> float:
    """Return the tokens for elementwise operations, weighted by the cost of their type.

    Autocast's LayerNorm outputs float32 and `Linear4bit` returns the type of its input, so the
    complete layer is in float32 with quantized weights.
    """
    wide = profile.quantised_bits == 4 and has_layer_norm(shape.family)
    return profile.tokens * (FLOAT32_BYTES if wide and shape.family != "falcon" else 1)


def _products(shape: Architecture, profile: Profile, block: Block) -> Work:
    """Return the products with the weights: forward, or backward for the gradient of the input."""
    bits = profile.quantised_bits
    made = block.linear_elements * (bits / 8 + profile.width) if bits else 0.0
    each = 1 + {0: 0, 4: NF4_LAUNCHES, 8: INT8_LAUNCHES}[bits]
    return Work(
        matrix_flops=2 * profile.tokens * _met(shape, block),
        traffic_bytes=profile.width * block.linear_elements,
        expert_bytes=profile.width * block.experts,
        dequantized_bytes=made,
        launches=each * len(block.linears) + (2 if block.experts else 0),
        host_only=NF4_HOST * len(block.linears) if bits == 4 else 0,
    )


def _narrow(profile: Profile, block: Block) -> Work:
    """Return the adapters' products, once."""
    widths = sum(p.inputs + p.outputs for p in block.linears if p.name in profile.targets)
    return Work(matrix_flops=2 * profile.tokens * profile.rank * widths)


def _met(shape: Architecture, block: Block) -> float:
    """Return the number of parameters in products per token."""
    routed = block.experts * block.routed / shape.experts if shape.experts else 0
    unchosen = block.routed > shape.experts_per_token
    return block.linear_elements + routed * (ZEROS_TIMES if unchosen else 1)


def _gradients(shape: Architecture, profile: Profile, block: Block) -> Work:
    """Return the work for weight gradients, which accumulation sums."""
    if profile.method != "full":
        return Work()
    written = profile.width * (4 if profile.accumulates else 1)
    return Work(
        matrix_flops=2 * profile.tokens * _met(shape, block),
        traffic_bytes=written * (block.linear_elements + block.experts),
        launches=2 * len(block.linears) + 4,
    )


def _mixed(shape: Architecture, profile: Profile, block: Block) -> Work:
    """Return the work between tokens: of attention, or of what replaces it."""
    if not block.mixer:
        return _attention(block.attention or shape, profile)
    own = effort(block.mixer).products(shape, profile, block)
    return own + _attention(shape, profile) if block.mixer.attends else own


def _attention(shape: Architecture, profile: Profile) -> Work:
    """Return the work of attention: 4 operations per pair of tokens and element of the queries.

    Fused attention skips the half above the diagonal, but not with a mask; by the bounds of rows
    it skips the pairs of different rows.
    """
    each = 4.0 * shape.heads * shape.head_dim
    if profile.attention == "varlen":
        return Work(attention_flops=each * (profile.squares or profile.length**2) / 2)
    square = each * profile.rows * profile.length**2
    if one_key(shape):
        return Work(matrix_flops=FLOAT32_TIMES * square)
    if writes_scores(shape.family):
        return Work(matrix_flops=square)
    masked = masked_layers(shape, profile) / shape.layers
    return Work(attention_flops=(1 - masked) * square / 2, masked_flops=masked * square)


def _head_forward(shape: Architecture, profile: Profile) -> Work:
    """Return the work of TRL's tiles: a product and a kernel (`trl/kernels/chunked_logprob.py`)."""
    tokens, elements = _scored(profile), shape.vocabulary * shape.hidden
    tiles, rows = _tiles(shape, profile)
    return Work(
        matrix_flops=2 * tokens * elements,
        traffic_bytes=4 * tokens * shape.vocabulary + 2 * rows * elements,
        launches=3 * tiles + 40 + BALANCE_LAUNCHES[0] * _balanced(shape),
    )


def _head_backward(shape: Architecture, profile: Profile) -> Work:
    """Return the work of recomputed tiles, in-place gradients, and products summed in float32."""
    tokens, elements = _scored(profile), shape.vocabulary * shape.hidden
    tiles, rows = _tiles(shape, profile)
    columns = tiles / rows if rows else 0
    full = profile.method == "full"
    return Work(
        matrix_flops=(6 if full else 4) * tokens * elements,
        traffic_bytes=6 * tokens * shape.vocabulary
        + 8 * tokens * shape.hidden * columns
        + (4 + 8 * full) * rows * elements
        + 12 * full * elements,
        launches=(5 if full else 4) * tiles + 40 + BALANCE_LAUNCHES[1] * _balanced(shape),
    )


def _balanced(shape: Architecture) -> int:
    """Return the number of mixtures whose routers the loss balances."""
    found = sum(block.count for block in layers.blocks(shape) if block.experts)
    return found if shape.family in BALANCED else 0


def _scored(profile: Profile) -> int:
    return 0 if profile.spec.head == "scalar" else profile.scored_tokens


def _tiles(shape: Architecture, profile: Profile) -> tuple[int, int]:
    """Return the number of tiles of the loss head, and of rows of tiles."""
    rows = -(-_scored(profile) // TILE_TOKENS)
    return rows * -(-shape.vocabulary // TILE_COLUMNS), rows
