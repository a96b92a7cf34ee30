"""The activations saved for the backward pass, in bytes per token unless stated.

Counted from the source of transformers' layers: RMSNorm saves its float32 input; SDPA its queries,
keys, values, output and a float32 per head; the MLP the inputs of its product.
"""

from collections.abc import Iterable
from dataclasses import replace

from planner.memory import alternating_updates, compiled_layers, mlp
from planner.memory.family_quirks import habits, has_layer_norm, writes_scores
from planner.memory.mixers import costs
from planner.memory.widths import (
    floats_norms,
    inner_width,
    quantised,
    shares_norm_input,
    stream_width,
    widens,
)
from planner.models.facts import Architecture
from planner.models.families import FAMILIES
from planner.models.layers import Block, Linear, blocks
from planner.models.shapes.mixers import HyperConnections, SparseLatent
from planner.setup.setup import Profile

WIDEST_HEAD = 256
"""Widest head for which SDPA takes keys and values unchanged; transformers repeats others for
each query head (`use_gqa_in_sdpa` in `integrations/sdpa_attention.py`)."""


def activations(shape: Architecture, profile: Profile, block: Block) -> dict[str, int]:
    """Return what one layer of a block saves."""
    if compiled_layers.compiled(shape, profile):
        return compiled_layers.activations(shape, profile, block)
    inputs, masks = _inputs(shape, profile, block)
    mixed = costs(block.mixer).saved(shape, profile, block) if block.mixer else 0
    mixed += _attention(shape, profile, block) if _attends(block) else 0
    kept = _norms(shape, profile, block) + mixed + mlp.product(shape, profile, block)
    kept += sum(costs(one).saved(shape, profile, block) for one in block.beside)
    return {"activations": kept + inputs, "dropout masks": masks + _masks(shape, profile)}


def layer_input(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return what checkpointing keeps of one layer: its residual streams, and the tokens that its
    indexer chose for later layers."""
    several = (one.streams for one in block.beside if isinstance(one, HyperConnections))
    each = alternating_updates.stream_bytes(shape, profile, stream_width(shape, profile))
    chosen = 4 * min(shape.integer("index_topk"), profile.length) * bool(shape.text("indexers"))
    indexes = isinstance(block.mixer, SparseLatent) and block.mixer.index_heads > 0
    return each * next(several, 1) + chosen * indexes


def past_checkpoints(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return what LLM.int8 keeps even with checkpointing.

    Its autograd function stores the input of each quantized layer in an attribute, which
    checkpointing does not free, and a copy of the columns with outliers
    (`bitsandbytes/autograd/_functions.py`). Inside an MLP, nearly every column has an outlier in
    some token, so all are counted.
    """
    if quantised(shape, profile) != 8:
        return 0
    width = inner_width(shape, profile)
    outliers = sum(part.inputs for part in block.linears if part.place == "down")
    return width * (_read(shape, block.linears) + outliers)


def masked_layers(shape: Architecture, profile: Profile) -> int:
    """Return how many layers pass a mask to SDPA: for padded rows, or a window within a row."""
    if profile.attention == "varlen":
        return 0
    if FAMILIES[shape.family].blocks:
        return sum(block.count for block in blocks(shape) if is_masked(shape, profile, block))
    if profile.masked:
        return shape.layers
    if not shape.sliding_window or profile.length < shape.sliding_window:
        return 0
    every = shape.sliding_every
    return shape.layers - (shape.layers // every if every else 0)


def is_masked(shape: Architecture, profile: Profile, block: Block) -> bool:
    """Return whether the layers of a family with blocks of its own pass a mask to SDPA."""
    if profile.attention == "varlen":
        return False
    window = (block.attention or shape).sliding_window
    takes = block.mixer is None or block.mixer.takes_mask
    always = block.mixer is not None and block.mixer.needs_mask
    return takes and (always or profile.masked or 0 < window <= profile.length)


def masks_extra(shape: Architecture, profile: Profile) -> int:
    """Return what the masks of all layers add (`mask_extra`)."""
    if FAMILIES[shape.family].blocks:
        masked = (block for block in blocks(shape) if is_masked(shape, profile, block))
        return sum(b.count * mask_extra(b.attention or shape, profile, b) for b in masked)
    layers = masked_layers(shape, profile)
    return layers * mask_extra(shape, profile) if layers else 0


def mask_extra(shape: Architecture, profile: Profile, block: Block | None = None) -> int:
    """Return what a mask adds in one layer: its copy in the activations' type, and keys and values
    repeated for each query head, since SDPA needs that with a mask."""
    if habits(shape.family).score_bytes:
        return 0
    return profile.width * (_repeated(shape, block) + profile.length)


def _repeated(shape: Architecture, block: Block | None = None) -> int:
    """Return the elements that keys and values have more if they are repeated for each query head;
    a single key head is broadcast without a copy."""
    own = 0 if block and block.shared_keys else shape.kv_heads
    return 2 * (shape.heads - own) * shape.head_dim * (shape.kv_heads > 1)


def mask(shape: Architecture, profile: Profile) -> int:
    """Return the bytes of the masks that all layers share: a bool per pair of tokens, or a number
    with eager attention; one mask for each type of layer that needs it."""
    eager = writes_scores(shape.family)
    if not eager and not masked_layers(shape, profile):
        return 0
    both = shape.sliding_every > 0 and (eager or profile.masked)
    width = profile.width if eager else 1
    if FAMILIES[shape.family].blocks:
        return _kinds_of_masks(shape, profile) * width * profile.tokens * profile.length
    return (2 if both else 1) * width * profile.tokens * profile.length


def _kinds_of_masks(shape: Architecture, profile: Profile) -> int:
    masked = (block for block in blocks(shape) if is_masked(shape, profile, block))
    return len({(block.attention or shape).sliding_window for block in masked})


def scores(shape: Architecture) -> tuple[int, int, int]:
    """Return the bytes per attention score with eager attention: saved, temporary in the backward
    pass, and at once in a forward pass; 0 with SDPA's fused kernels.

    Falcon passes one key head for all queries to SDPA, which only its float32 path supports
    (`_scaled_dot_product_attention_math`); that also checks for rows of -inf.
    """
    if shape.family == "falcon" and shape.kv_heads == 1:
        return 4, 12, 9
    habit = habits(shape.family)
    if not habit.score_bytes:
        return 0, 0, 0
    return habit.score_bytes, habit.passing_bytes, habit.written_bytes


def _attends(block: Block) -> bool:
    return block.mixer is None or block.mixer.attends


def behind_mixer(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return the part of `activations` that is freed when the backward pass reaches a mixer:
    attention comes after a mixer of the same input."""
    attention = _attention(shape, profile, block) if _attends(block) else 0
    return behind_attention(shape, profile, block) + attention


def behind_attention(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return the part of `activations` that is freed when the backward pass reaches attention."""
    parts = tuple(part for part in block.linears if part.place in ("mlp", "down"))
    inputs = sum(_inputs(shape, profile, replace(block, linears=parts)))
    norms = _norms(shape, profile, block) * (shape.norms_per_layer - 1) // shape.norms_per_layer
    return mlp.product(shape, profile, block) + inputs + norms


def _norms(shape: Architecture, profile: Profile, block: Block) -> int:
    attends = block.attention or shape
    q, kv = attends.heads * attends.head_dim, attends.kv_heads * attends.head_dim
    own = 0 if block.shared_keys else kv
    heads = q + own if shape.qk_norm and not block.mixer else 0
    norms = shape.norms_per_layer if block.norms is None else len(block.norms)
    normed = norms * shape.hidden + heads
    if floats_norms(shape, profile):
        return 4 * (normed if stream_width(shape, profile) < 4 else _sums(shape, profile) + heads)
    if has_layer_norm(shape.family):
        return normed * (4 if habits(shape.family).norm_casts else profile.width)
    habit = habits(shape.family)
    scale = (habit.scale_bytes or profile.width) if profile.method == "full" else 0
    values = own * habit.norm_bytes if habit.value_norm else 0
    return normed * (habit.norm_bytes + scale) + values


def _sums(shape: Architecture, profile: Profile) -> int:
    """Return the elements that norms save of float32 sums, which need no cast: each sum once, but
    not the layer's input if checkpointing already keeps it."""
    sums = 1 if shares_norm_input(shape) else shape.norms_per_layer
    return (sums - profile.checkpointing) * shape.hidden


def _masks(shape: Architecture, profile: Profile) -> int:
    """Return the masks of the family's own dropouts, which TRL disables for preferences."""
    width = 1 if profile.device == "cuda" else profile.width
    return habits(shape.family).dropouts * width * shape.hidden * profile.spec.adapter_dropout


def _attention(model: Architecture, profile: Profile, block: Block) -> int:
    """Return what attention saves: with SDPA, or with eager attention, which keeps its scores."""
    shape = block.attention or model
    width, habit = profile.width, habits(shape.family)
    queries, keys = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    if block.shared_keys:
        keys = 0
    if score := scores(shape)[0]:
        each = width if habit.score_bytes else 4
        eager = {
            "queries, repeated keys and values": 3 * each * queries,
            "scores": score * shape.heads * profile.length,
            "copied output": width * queries if _shares(profile) else 0,
        }
        return sum(eager.values())
    rotated = habit.fused_rotary and not widens(shape, profile)
    fused = {
        "queries and output": 2 * width * queries,
        "keys and values": 2 * width * keys,
        "float32 statistics": 4 * shape.heads,
        "repeated keys and values": width * _repeated(shape, block)
        if shape.head_dim > WIDEST_HEAD and not is_masked(model, profile, block)
        else 0,
        "rotated queries and keys": width * (queries + keys) if rotated else 0,
        "copied output": width * queries if habit.copied_output and _shares(profile) else 0,
        "gated output and its gate": 2 * width * queries if habit.gates_output else 0,
        "output before its gate, and the gate": width * queries + (4 + width) * block.gate
        if block.gate
        else 0,
    }
    return sum(fused.values())


def _shares(profile: Profile) -> bool:
    """Return whether trained layers save their shared input rather than copies of it."""
    return profile.method == "full" or not (profile.dropped > 0 or profile.casts)


def _read(shape: Architecture, parts: Iterable[Linear]) -> int:
    """Return the elements of the inputs of these layers, counting shared inputs once."""
    found = {(part.place, part.source): part.inputs for part in parts}
    if shape.norms_per_layer == 1 and ("attention", "") in found:
        found.pop(("mlp", ""), 0)
    return sum(found.values())


def _inputs(shape: Architecture, profile: Profile, block: Block) -> tuple[int, int]:
    """Return the inputs of the trained linear layers, and dropout's masks, in bytes per token.

    Layers with the same input share it, unless dropout or a cast makes copies. The output of
    attention is already saved by attention itself.
    """
    full = profile.method == "full"
    parts = [p for p in block.linears if full or p.name in profile.targets]
    if full:
        return profile.width * _behind_norms(shape, profile, block, parts), 0
    middle = profile.computed_width * profile.rank * len(parts)
    total = sum(part.inputs for part in parts)
    eight = past_checkpoints(shape, profile, block)
    if not _shares(profile):
        own = profile.computed_width * total + eight
    elif eight and not widens(shape, profile):
        own = eight
    else:
        own = profile.width * _behind_norms(shape, profile, block, parts) + eight
    return own + middle, profile.mask_width * total


def _behind_norms(
    shape: Architecture, profile: Profile, block: Block, parts: Iterable[Linear]
) -> int:
    """Return the elements of the saved inputs of these layers, without attention's output unless a
    gate or a mixer changes it.

    Autocast casts a norm's float32 output separately for each layer.
    """
    own = block.mixer is not None or block.gate > 0 or habits(shape.family).gates_output
    both = block.mixer is not None and block.mixer.attends
    reading = [
        part for part in parts if part.place != "output" or (own and not (both and not part.module))
    ]
    if habits(shape.family).keeps_product and not widens(shape, profile):
        reading = [part for part in reading if part.place != "down"]
    if floats_norms(shape, profile):
        return sum(part.inputs for part in reading)
    return _read(shape, reading)
