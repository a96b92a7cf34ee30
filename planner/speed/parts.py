"""The elementwise operations of a layer, forward and backward.

Counted with torch's dispatcher in transformers' and PEFT's classes: the bytes read and written per
element, and the number of operations that Python and autograd launch.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from planner.memory.family_quirks import habits, has_layer_norm, writes_scores
from planner.memory.saved_activations import masked_layers
from planner.models.facts import Architecture
from planner.models.families import FAMILIES
from planner.models.layers import Block
from planner.models.shapes.mixers import NormedRouter
from planner.setup.setup import Profile

GROUPED = frozenset(
    [
        "deepseek_v3", "deepseek_v32", "dots1", "glm4_moe", "glm4_moe_lite",
        "glm5_next_text", "glm_moe_dsa", "nemotron_h",
    ]
)  # fmt: skip
"""Families whose router chooses groups of experts before experts (`scores_for_choice`)."""


@dataclass(frozen=True)
class Part:
    """A group of operations of a layer."""

    elements: float
    """Elements per token."""
    forward_bytes: float
    """Bytes read and written per element, forward."""
    backward_bytes: float
    """The same backward."""
    forward_launches: int
    """Operations launched in the forward pass."""
    backward_launches: int
    """The same backward."""


def parts(shape: Architecture, profile: Profile, block: Block) -> Iterator[Part]:
    """Yield the operations of one layer of a block, without adapters."""
    norms = shape.norms_per_layer if block.norms is None else len(block.norms)
    norms += sum(isinstance(one, NormedRouter) for one in block.beside)
    yield _norms(shape, norms * shape.hidden, norms)
    if not block.mixer or block.mixer.attends:
        yield from _attention(block.attention or shape, profile, block.shared_keys)
    if block.gate:
        yield Part(block.gate, 30, 60, 10, 12)  # softplus in float32, and its product
    yield Part(shape.hidden, 12, 30, 2, 3)  # the residual stream
    if block.mlp:
        yield _product(shape, block, block.mlp)
    if block.experts:
        yield _product(shape, block, block.routed * block.expert)
        yield from _mixture(shape, block)


def _mixture(shape: Architecture, block: Block) -> Iterator[Part]:
    """Yield the operations of the router, and of the way to the experts and back.

    Counted in `grouped_mm_experts_forward` (`transformers/integrations/moe.py`) and in the routers'
    classes. Where a router's weights are float32, the weighted outputs and their gradients are,
    too.
    """
    width = block.routed * (block.routed_hidden or shape.hidden)
    yield Part(width, 24, 68 if habits(shape.family).weighs_in_float else 38, 16, 16)
    grouped = shape.family in GROUPED
    yield Part(shape.experts, 24, 38, 24 if grouped else 10, 17 if grouped else 14)


def _attention(shape: Architecture, profile: Profile, shared_keys: bool) -> Iterator[Part]:
    q, kv = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim * (not shared_keys)
    if shape.qk_norm:
        yield _norms(shape, q + kv, 2 - shared_keys)
    if habits(shape.family).value_norm and kv:
        yield _norms(shape, kv, 1)
    yield Part(0, 0, 0, 1, 1)  # attention
    if FAMILIES[shape.family].rotary:
        yield Part(q + kv, 20, 40, *((5, 8) if shared_keys else (10, 17)))
    if writes_scores(shape.family) or one_key(shape):
        plain = shape.family in ("bloom", "falcon")
        there, back = (25, 30) if plain else (42, 55)
        yield Part(shape.heads * profile.length, there, back, 8, 12)
    elif masked_layers(shape, profile):
        yield Part(q, 8, 12, 4, 4)  # keys and values are repeated for each query


def adapters(profile: Profile, block: Block) -> Part:
    """Return the operations of the adapters of one layer."""
    mask = profile.mask_width and 2 * (4 if profile.casts else profile.computed_width) + 1
    return _adapters(block, profile.targets, profile.casts, mask)


@lru_cache(maxsize=4096)
def _adapters(block: Block, targets: tuple[str, ...], casts: bool, mask: int) -> Part:
    """Return the operations of all adapters, as one element per token.

    float32 adapters cast their input and output (PEFT's `_cast_input_dtype`, and autocast); those
    on quantized layers copy the layer's output (`Linear4bit.forward`). `mask` is the bytes that
    dropout reads and writes per element; 0 without dropout.
    """
    adapted = [part for part in block.linears if part.name in targets]
    inputs, outputs = sum(p.inputs for p in adapted), sum(p.outputs for p in adapted)
    there, back = (14 * inputs + 12 * outputs, 22 * inputs + 8 * outputs)
    launches = (8, 12)
    if not casts:
        there, back, launches = 2 * inputs + 16 * outputs, 10 * inputs + 8 * outputs, (5, 8)
    dropped = mask > 0
    return Part(
        1,
        there + mask * inputs,
        back + mask * inputs,
        len(adapted) * (launches[0] + dropped),
        len(adapted) * (launches[1] + dropped),
    )


def one_key(shape: Architecture) -> bool:
    """Return whether SDPA gets one key head for all queries, which no fused kernel supports."""
    return shape.family == "falcon" and shape.kv_heads == 1


def _norms(shape: Architecture, elements: int, count: int) -> Part:
    if has_layer_norm(shape.family):
        return Part(elements, 26, 45, 4 * count, 4 * count)
    if habits(shape.family).scale_bytes:  # scaled in float32
        added = not habits(shape.family).value_norm  # by 1 and the weight, until Gemma 3
        return Part(elements, 45, 103, (9 + added) * count, (14 + added) * count)
    return Part(elements, 36, 84, 8 * count, 14 * count)


def _product(shape: Architecture, block: Block, width: int) -> Part:
    """Return the operations of the activation function and its product with the gate."""
    if shape.gated_mlp:
        split = width == block.mlp and sum(part.place == "mlp" for part in block.linears) == 1
        return Part(width, 10, 46, 2, 7) if split else Part(width, 10, 18, 2, 3)
    if habits(shape.family).trained_bytes:  # xIELU
        return Part(width, 96, 180, 18, 29)
    written = habits(shape.family).product_tensors > 1
    return Part(width, 60, 95, 8, 14) if written else Part(width, 4, 6, 1, 1)
