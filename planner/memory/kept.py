"""What the forward pass leaves for the backward pass, in bytes a token unless named.

Counted by the source of transformers' layers: RMSNorm keeps its input in float32, SDPA its
queries, keys, values, output and one float32 for each head, the MLP what its product needs.
"""

from collections.abc import Iterable

from planner.layers import Block, Linear
from planner.memory.habits import habits, has_layer_norm, writes_scores
from planner.models import Architecture
from planner.profile import Profile


def activations(shape: Architecture, profile: Profile, block: Block) -> dict[str, int]:
    """Return what one layer of a block keeps."""
    inputs, masks = _inputs(shape, profile, block)
    kept = _norms(shape, profile) + _attention(shape, profile) + _mlp(shape, profile, block)
    return {"activations": kept + inputs, "dropout masks": masks}


def past_checkpoints(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return what LLM.int8 keeps even where the rest is recomputed.

    Its autograd function holds each quantised layer's input in an attribute
    (`bitsandbytes/autograd/_functions.py`), which checkpointing does not see.
    """
    return profile.width * _read(shape, block.linears) if profile.quantised_bits == 8 else 0


def masked_layers(shape: Architecture, profile: Profile) -> int:
    """Return how many layers give SDPA a mask: padded rows, or a window shorter than a row."""
    if profile.masked:
        return shape.layers
    if not shape.sliding_window or profile.length <= shape.sliding_window:
        return 0
    every = shape.sliding_every
    return shape.layers - (shape.layers // every if every else 0)


def mask_extra(shape: Architecture, profile: Profile) -> int:
    """Return what a mask adds in one layer: its copy in the activations' type, and keys and
    values repeated for each query, since SDPA shares none under a mask."""
    if habits(shape.family).score_bytes:
        return 0
    repeated = (shape.heads - shape.kv_heads) * shape.head_dim
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


def scores(shape: Architecture, profile: Profile) -> int:
    """Return what attention's scores take in passing where they are written out."""
    habit = habits(shape.family)
    written = habit.score_bytes or _math_score(shape)
    return habit.passing_bytes * shape.heads * profile.length if written else 0


def _norms(shape: Architecture, profile: Profile) -> int:
    q, kv = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    normed = shape.norms_per_layer * shape.hidden + (q + kv if shape.qk_norm else 0)
    if has_layer_norm(shape.family):
        cast = profile.autocast and profile.device == "cuda"
        return normed * (4 if cast else profile.width)
    habit = habits(shape.family)
    scale = (habit.scale_bytes or profile.width) if profile.method == "full" else 0
    return normed * (habit.norm_bytes + scale)


def _attention(shape: Architecture, profile: Profile) -> int:
    """Queries, keys, values, output and a float32 for each head, or what stands for them."""
    w, q, kv = profile.width, shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    habit = habits(shape.family)
    again = w * q if habit.copied_output and _shares(profile) else 0
    if score := habit.score_bytes or _math_score(shape):
        again = w * q if _shares(profile) else 0
        return 3 * w * q + score * shape.heads * profile.length + again
    fused = w * (q + kv) if habit.fused_rotary else 0
    return 2 * w * (q + kv) + 4 * shape.heads + fused + again


def _math_score(shape: Architecture) -> int:
    """Falcon gives SDPA one key for all queries, which only its float32 path computes."""
    return 4 if shape.family == "falcon" and shape.kv_heads == 1 else 0


def _mlp(shape: Architecture, profile: Profile, block: Block) -> int:
    """The MLP's gate, its activation and up; a mixture's also the outputs that it weighs."""
    w, h = profile.width, shape.hidden
    each = _product(shape, profile)
    if not block.experts:
        return each * block.mlp
    full = profile.method == "full"
    routed = each * block.expert + w * h + (w * (h + block.expert) if full else 0)
    router = 4 * shape.experts + 32 * block.routed
    shared = each * block.mlp + w * h if block.mlp or full else 0
    return block.routed * routed + router + shared


def _product(shape: Architecture, profile: Profile) -> int:
    """Bytes that the product inside an MLP keeps for each element of its width."""
    habit = habits(shape.family)
    if habit.autocast_bytes and profile.autocast and profile.device == "cuda":
        return habit.autocast_bytes
    return profile.width * (habit.product_tensors or (3 if shape.gated_mlp else 1))


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
    held = block.linears if profile.quantised_bits == 8 else parts
    shared = profile.width * _read(shape, (p for p in held if p.place != "output"))
    if full:
        return shared, 0
    middle = profile.computed_width * profile.rank * len(parts)
    total = sum(part.inputs for part in parts)
    copies = not _shares(profile)
    own = profile.computed_width * total if copies else shared
    own += shared if copies and profile.quantised_bits == 8 else 0
    return own + middle, profile.mask_width * total
