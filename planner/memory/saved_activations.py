"""What the forward pass leaves for the backward pass, in bytes a token unless named.

Counted by the source of transformers' layers: RMSNorm keeps its input in float32, SDPA its
queries, keys, values, output and one float32 for each head, the MLP what its product needs.
"""

from collections.abc import Iterable
from dataclasses import replace

from planner.memory import mlp
from planner.memory.family_quirks import habits, has_layer_norm, writes_scores
from planner.memory.widths import (
    floats_norms,
    inner_width,
    quantised,
    shares_norm_input,
    stream_width,
    widens,
)
from planner.models.facts import Architecture
from planner.models.layers import Block, Linear
from planner.setup.setup import Profile


def activations(shape: Architecture, profile: Profile, block: Block) -> dict[str, int]:
    """Return what one layer of a block keeps."""
    inputs, masks = _inputs(shape, profile, block)
    kept = _norms(shape, profile) + _attention(shape, profile) + mlp.product(shape, profile, block)
    return {"activations": kept + inputs, "dropout masks": masks + _masks(shape, profile)}


def past_checkpoints(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return what LLM.int8 keeps even where the rest is recomputed.

    Its autograd function holds each quantised layer's input in an attribute, which checkpointing
    does not see, and its columns with outliers once more (`bitsandbytes/autograd/_functions.py`).
    Inside an MLP a column without a single outlier among all tokens is rare: all are counted.
    """
    if quantised(shape, profile) != 8:
        return 0
    width = inner_width(shape, profile)
    outliers = sum(part.inputs for part in block.linears if part.place == "down")
    return width * (_read(shape, block.linears) + outliers)


def masked_layers(shape: Architecture, profile: Profile) -> int:
    """Return how many layers give SDPA a mask: padded rows, or a window no longer than a row."""
    if profile.masked:
        return shape.layers
    if not shape.sliding_window or profile.length < shape.sliding_window:
        return 0
    every = shape.sliding_every
    return shape.layers - (shape.layers // every if every else 0)


def mask_extra(shape: Architecture, profile: Profile) -> int:
    """Return what a mask adds in one layer: its copy in the activations' type, and keys and
    values repeated for each query, since SDPA shares none under a mask; a single one of them is
    shared without a copy."""
    if habits(shape.family).score_bytes:
        return 0
    repeated = (shape.heads - shape.kv_heads) * shape.head_dim * (shape.kv_heads > 1)
    return profile.width * (2 * repeated + profile.length)


def mask(shape: Architecture, profile: Profile) -> int:
    """Return the bytes of the masks that all layers share: a bool for each pair of tokens, or a
    number where scores are written out; one mask for each kind of layer that needs it."""
    eager = writes_scores(shape.family)
    if not eager and not masked_layers(shape, profile):
        return 0
    both = shape.sliding_every > 0 and (eager or profile.masked)
    width = profile.width if eager else 1
    return (2 if both else 1) * width * profile.tokens * profile.length


def scores(shape: Architecture) -> tuple[int, int, int]:
    """Return the bytes of one of attention's scores where they are written out: kept, in passing
    in the backward pass, and at once in a forward pass; 0 under SDPA's fused kernels.

    Falcon gives SDPA one key for all queries, which only its path in float32 computes
    (`_scaled_dot_product_attention_math`); that looks for rows of -inf too.
    """
    if shape.family == "falcon" and shape.kv_heads == 1:
        return 4, 12, 9
    habit = habits(shape.family)
    if not habit.score_bytes:
        return 0, 0, 0
    return habit.score_bytes, habit.passing_bytes, habit.written_bytes


def behind_attention(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return what of `activations` is free again where the backward pass reaches attention."""
    parts = tuple(part for part in block.linears if part.place in ("mlp", "down"))
    inputs = sum(_inputs(shape, profile, replace(block, linears=parts)))
    norms = _norms(shape, profile) * (shape.norms_per_layer - 1) // shape.norms_per_layer
    return mlp.product(shape, profile, block) + inputs + norms


def _norms(shape: Architecture, profile: Profile) -> int:
    q, kv = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    heads = q + kv if shape.qk_norm else 0
    normed = shape.norms_per_layer * shape.hidden + heads
    if floats_norms(shape, profile):
        return 4 * (normed if stream_width(shape, profile) < 4 else _sums(shape, profile) + heads)
    if has_layer_norm(shape.family):
        return normed * (4 if habits(shape.family).norm_casts else profile.width)
    habit = habits(shape.family)
    scale = (habit.scale_bytes or profile.width) if profile.method == "full" else 0
    return normed * (habit.norm_bytes + scale)


def _sums(shape: Architecture, profile: Profile) -> int:
    """Elements that norms keep of float32 sums, which they need not cast: each sum once, and that
    which enters the layer not at all where checkpointing keeps it already."""
    sums = 1 if shares_norm_input(shape) else shape.norms_per_layer
    return (sums - profile.checkpointing) * shape.hidden


def _masks(shape: Architecture, profile: Profile) -> int:
    """Masks of the family's own dropouts, which some objectives switch off."""
    width = 1 if profile.device == "cuda" else profile.width
    return habits(shape.family).dropouts * width * shape.hidden * profile.spec.adapter_dropout


def _attention(shape: Architecture, profile: Profile) -> int:
    """Queries, keys, values, output and a float32 for each head, or what stands for them."""
    w, q, kv = profile.width, shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    habit = habits(shape.family)
    again = w * q if habit.copied_output and _shares(profile) else 0
    if score := scores(shape)[0]:
        again = w * q if _shares(profile) else 0
        each = w if habit.score_bytes else 4
        return 3 * each * q + score * shape.heads * profile.length + again
    fused = w * (q + kv) if habit.fused_rotary and not widens(shape, profile) else 0
    return 2 * w * (q + kv) + 4 * shape.heads + fused + again


def _shares(profile: Profile) -> bool:
    """Whether trained layers keep what they read as it is, and not in copies of their own."""
    return profile.method == "full" or not (profile.dropped > 0 or profile.casts)


def _read(shape: Architecture, parts: Iterable[Linear]) -> int:
    """Elements of what these layers read, each tensor once; one norm serves attention and MLP."""
    found = {part.place: part.inputs for part in parts}
    if shape.norms_per_layer == 1 and "attention" in found:
        found.pop("mlp", 0)
    return sum(found.values())


def _inputs(shape: Architecture, profile: Profile, block: Block) -> tuple[int, int]:
    """Inputs of the trained linear layers, and dropout's masks, in bytes a token.

    Layers that read one tensor share it, unless dropout or a cast makes a copy for each. The
    attention's output, which the layer behind it reads, is already kept by the attention itself.
    """
    full = profile.method == "full"
    parts = [p for p in block.linears if full or p.name in profile.targets]
    if full:
        return profile.width * _behind_norms(shape, profile, parts), 0
    middle = profile.computed_width * profile.rank * len(parts)
    total = sum(part.inputs for part in parts)
    eight = past_checkpoints(shape, profile, block)
    if not _shares(profile):
        own = profile.computed_width * total + eight
    elif eight and not widens(shape, profile):
        own = eight
    else:
        own = profile.width * _behind_norms(shape, profile, parts) + eight
    return own + middle, profile.mask_width * total


def _behind_norms(shape: Architecture, profile: Profile, parts: Iterable[Linear]) -> int:
    """Elements of what these layers keep to read, but for attention's output.

    Autocast casts a norm's float32 for each layer by itself.
    """
    reading = [part for part in parts if part.place != "output"]
    if habits(shape.family).keeps_product and not widens(shape, profile):
        reading = [part for part in reading if part.place != "down"]
    if floats_norms(shape, profile):
        return sum(part.inputs for part in reading)
    return _read(shape, reading)
