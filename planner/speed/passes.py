"""The work of a forward and of a backward pass, layer by layer and in the loss head."""

from dataclasses import replace

from planner.memory.family_quirks import has_layer_norm, writes_scores
from planner.memory.saved_activations import masked_layers
from planner.models import layers
from planner.models.facts import Architecture
from planner.models.layers import TILE_COLUMNS, TILE_TOKENS, Block
from planner.setup.setup import Profile
from planner.speed.parts import adapters, one_key, parts
from planner.speed.work import Work

NF4_LAUNCHES = 8
"""Operations that make one NF4 weight whole, with what bitsandbytes does in Python."""
INT8_LAUNCHES = 14
"""Operations of LLM.int8 around one product: it looks for outliers, and rounds what it reads."""
FLOAT32_BYTES = 1.85
"""How much more single elements take in float32."""
FLOAT32_TIMES = 15
"""How much longer matrix products take in float32, in which SDPA's plain path computes."""
BACKWARD_ATTENTION = 2.5
"""Operations of fused attention's backward pass for one of its forward pass: it recomputes."""


def forward(shape: Architecture, profile: Profile) -> Work:
    """Return the work of a forward pass, with the reference's where there is one."""
    own = _layers_forward(shape, profile) + _head_forward(shape, profile)
    if profile.spec.reference == "none":
        return own
    return (
        own + _layers_forward(shape, replace(profile, targets=())) + _head_forward(shape, profile)
    )


def backward(shape: Architecture, profile: Profile) -> Work:
    """Return the work of a backward pass, and of what is computed again in it."""
    found = _head_backward(shape, profile)
    for block in layers.blocks(shape):
        found += _backward(shape, profile, block) * block.count
    return found


def recomputed(shape: Architecture, profile: Profile) -> Work:
    """Return the work of what the backward pass computes again."""
    return _layers_forward(shape, profile) if profile.checkpointing else Work()


def _layers_forward(shape: Architecture, profile: Profile) -> Work:
    found = Work()
    for block in layers.blocks(shape):
        found += _forward(shape, profile, block) * block.count
    return found


def _forward(shape: Architecture, profile: Profile, block: Block) -> Work:
    found = (*parts(shape, profile, block), adapters(profile, block))
    moved = _tokens(shape, profile) * sum(part.elements * part.forward_bytes for part in found)
    elements = Work(traffic_bytes=moved, launches=sum(part.forward_launches for part in found))
    own = _products(shape, profile, block) + _narrow(profile, block)
    return elements + own + _attention(shape, profile)


def _backward(shape: Architecture, profile: Profile, block: Block) -> Work:
    found = (*parts(shape, profile, block), adapters(profile, block))
    moved = _tokens(shape, profile) * sum(part.elements * part.backward_bytes for part in found)
    elements = Work(traffic_bytes=moved, launches=sum(part.backward_launches for part in found))
    own = _products(shape, profile, block) + _narrow(profile, block) * 2
    own += _gradients(shape, profile, block)
    return elements + own + _attention(shape, profile) * BACKWARD_ATTENTION


def _tokens(shape: Architecture, profile: Profile) -> float:
    """Tokens, as far as single elements are concerned.

    Autocast's LayerNorm hands float32 on, and `Linear4bit` gives back the type that it is given,
    so that all of a layer on quantised weights is in float32.
    """
    whole = profile.quantised_bits == 4 and has_layer_norm(shape.family)
    return profile.tokens * (FLOAT32_BYTES if whole and shape.family != "falcon" else 1)


def _products(shape: Architecture, profile: Profile, block: Block) -> Work:
    """The products with the weights: forward, or backward for the gradient of what they read."""
    bits = profile.quantised_bits
    made = block.linear_elements * (bits / 8 + profile.width) if bits else 0.0
    each = 1 + {0: 0, 4: NF4_LAUNCHES, 8: INT8_LAUNCHES}[bits]
    return Work(
        matrix_flops=2 * profile.tokens * _met(shape, block),
        traffic_bytes=profile.width * (block.linear_elements + block.experts),
        whole_bytes=made,
        launches=each * len(block.linears) + (2 if block.experts else 0),
    )


def _narrow(profile: Profile, block: Block) -> Work:
    """The adapters' own products, once."""
    widths = sum(p.inputs + p.outputs for p in block.linears if p.name in profile.targets)
    return Work(matrix_flops=2 * profile.tokens * profile.rank * widths)


def _met(shape: Architecture, block: Block) -> float:
    """Parameters in products that one token passes through."""
    routed = block.experts * block.routed / shape.experts if shape.experts else 0
    return block.linear_elements + routed


def _gradients(shape: Architecture, profile: Profile, block: Block) -> Work:
    """The weights' own gradients, which a step of several micro-batches sums."""
    if profile.method != "full":
        return Work()
    written = profile.width * (4 if profile.accumulates else 1)
    return Work(
        matrix_flops=2 * profile.tokens * _met(shape, block),
        traffic_bytes=written * (block.linear_elements + block.experts),
        launches=2 * len(block.linears) + 4,
    )


def _attention(shape: Architecture, profile: Profile) -> Work:
    """The scores and what they weigh: 4 operations for each pair of tokens and query width.

    Fused attention leaves out the half that causality forbids; under a mask it does not.
    """
    whole = 4.0 * shape.heads * shape.head_dim * profile.rows * profile.length**2
    if one_key(shape):
        return Work(matrix_flops=FLOAT32_TIMES * whole)
    if writes_scores(shape.family):
        return Work(matrix_flops=whole)
    masked = masked_layers(shape, profile) / shape.layers
    return Work(attention_flops=(1 - masked) * whole / 2, masked_flops=masked * whole)


def _head_forward(shape: Architecture, profile: Profile) -> Work:
    """TRL's tiles: a product, and one kernel that folds it (`trl/kernels/chunked_logprob.py`)."""
    tokens, elements = _scored(profile), shape.vocabulary * shape.hidden
    tiles, rows = _tiles(shape, profile)
    return Work(
        matrix_flops=2 * tokens * elements,
        traffic_bytes=4 * tokens * shape.vocabulary + 2 * rows * elements,
        launches=3 * tiles + 40,
    )


def _head_backward(shape: Architecture, profile: Profile) -> Work:
    """Each tile again, its gradient in place, and products that are summed in float32."""
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
        launches=(5 if full else 4) * tiles + 40,
    )


def _scored(profile: Profile) -> int:
    return 0 if profile.spec.head == "scalar" else profile.scored_tokens


def _tiles(shape: Architecture, profile: Profile) -> tuple[int, int]:
    """Tiles of the loss head, and how many stand above each other."""
    rows = -(-_scored(profile) // TILE_TOKENS)
    return rows * -(-shape.vocabulary // TILE_COLUMNS), rows
