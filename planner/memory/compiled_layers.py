"""The memory of layers that torch compiles, in bytes per token unless stated.

AOTAutograd splits a layer's graph so that little is saved: what pointwise operations can compute
again is not (`min_cut_rematerialization_partition` in `torch/_functorch/partitioners.py`). Norms
save their input in its own type and a float32 per token, the MLP its gate and up products, and
trained layers their input. `tests/runner/trace/partition.py` prints what a family saves.
"""

from dataclasses import replace

from planner.memory import fp8
from planner.memory.family_quirks import habits
from planner.memory.widths import quantised, stream_width
from planner.models.facts import Architecture
from planner.models.families import FAMILIES
from planner.models.layers import Block, Linear
from planner.setup.setup import Profile

COMPILED = frozenset(
    {
        "apertus", "arcee", "ernie4_5", "exaone4", "gemma", "gemma3_text", "glm", "glm4", "granite",
        "hunyuan_v1_dense", "llama", "ministral3", "mistral", "olmo2", "olmo3", "phi3", "qwen2",
        "qwen3", "smollm3",
    }
)  # fmt: skip
"""The families whose saved tensors were compared (`tests/planner/memory/test_compiled_layers.py`).
Their layers are dense, with RMSNorms. What activation functions compute in float32 is not saved."""


def compiles(shape: Architecture, profile: Profile) -> bool:
    """Return whether the memory of a plan's layers is known where torch compiles them: in bfloat16
    on a GPU, with attention by the bounds of rows, with the weights of a layer on each card, and
    with a residual stream that quantized layers do not make float32."""
    known = shape.family in COMPILED and quantised(shape, profile) in (0, 4)
    known = known and stream_width(shape, profile) == profile.width
    narrow = profile.device == "cuda" and profile.dtype == "bfloat16" and profile.autocast
    return known and narrow and profile.attention == "varlen" and profile.engine.compiles


def compiled(shape: Architecture, profile: Profile) -> bool:
    """Return whether a plan's layers are compiled and known; others are counted as they would be
    without that, which needs more."""
    return profile.kernels == "compiled" and compiles(shape, profile)


def activations(shape: Architecture, profile: Profile, block: Block) -> dict[str, int]:
    """Return what one layer of a block saves, its input included if it saves that."""
    inputs, masks = _inputs(shape, profile, block)
    width, trained = profile.width, _trained(profile, block)
    queries, keys = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    names = FAMILIES[shape.family].linears
    values = queries + 2 * keys if names.query == names.key else keys  # a part of a fused output
    adapters = profile.rank * len(trained) if profile.method != "full" else 0
    kept = {
        "inputs of norms": width * _norm_inputs(shape) * shape.hidden,
        "statistics of norms": 4 * (shape.norms_per_layer + _head_norms(shape)),
        "queries and keys before their norm": width * (queries + keys) * shape.qk_norm,
        "queries, keys and values": width * (queries + keys + values),
        "attention's output and statistics": width * queries + 4 * shape.heads,
        "gate and up": _gate_and_up(shape, profile, block),
        "inputs of trained layers": inputs,
        "products with the first matrix of adapters": profile.computed_width * adapters,
    }
    return {"activations": sum(kept.values()), "dropout masks": masks}


def layer_input(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return the part of `activations` that is the layer's input, which checkpointing keeps."""
    reads = any(part.place == "attention" for part in _trained(profile, block))
    return profile.width * shape.hidden * (_normed_first(shape) or (reads and _shares(profile)))


def recomputed_besides(shape: Architecture, profile: Profile) -> int:
    """Return the bytes that a backward pass needs besides, where checkpointing lets it compute the
    layer again: one graph does both, in which more tensors are there at the same time. With dropout
    there are two graphs (`runner/training/compiled.py`).

    Not derived, but fitted to five peaks on H200s: LoRA without dropout on an 8B and a 1.5B in
    passes of 3,000 to 6,000 tokens, and a 1.5B in full (`tests/planner/memory/test_points_several`
    and `tests/planner/speed/test_points_choices.py`).
    """
    if profile.method != "full" and profile.dropped > 0:
        return 0
    streams = 5 if profile.method == "full" else 11
    return streams * profile.width * shape.hidden * profile.tokens + 27_000_000


def less_at_first(shape: Architecture, profile: Profile, block: Block) -> dict[str, int]:
    """Return what the first layer saves less where its input needs no gradient: the statistics of
    its first norm, its input unless a later sum is computed again, and dropout's masks."""
    read = sum(part.inputs for part in _trained(profile, block) if part.place == "attention")
    again = _norm_inputs(shape) < shape.norms_per_layer
    own = 4 + profile.width * shape.hidden * (not again)
    return {
        "activations": own * _normed_first(shape),
        "dropout masks": profile.mask_width * read,
    }


def backward(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return the bytes of the temporary tensors of a layer's backward pass.

    With adapters, the gradient of what the down projection read comes from its weight and from its
    adapter. Those of gate and up are written for their weights, and scaled for their adapters. What
    down read is freed by then. Counted from the buffers of inductor's code for a GPU, where one
    gradient replaces its operand, but not if gate and up are one layer, or if the same kernel
    writes both for adapters without dropout. Without a gate, none is assumed to.
    """
    hidden, inner = profile.width * shape.hidden, profile.width * block.mlp
    attends = _attention_backward(shape, profile, block)
    names = FAMILIES[shape.family].linears
    fused = names.gate == names.up
    if profile.method == "full":
        at_down = ((2 if fused else 1) * inner + hidden) * profile.tokens
        return max(attends, at_down + _down_weight(profile, block))
    scaled = any(part.place == "mlp" for part in _trained(profile, block))
    read = 2 if shape.gated_mlp else 1
    replaced = read == 2 and not fused and not (scaled and profile.dropped == 0)
    tensors = 1 + read * (2 if scaled else 1) - replaced
    at_product = (tensors * inner + hidden * (not _normed_last(shape))) * profile.tokens
    at_product += fp8.backward(profile, block, "mlp")
    at_weight = (inner + hidden) * profile.tokens + fp8.backward(profile, block, "down")
    if quantised(shape, profile):
        at_weight += _down_weight(profile, block)
    return max(at_product, at_weight, attends)


def _attention_backward(shape: Architecture, profile: Profile, block: Block) -> int:
    """Return the same in attention, less what the MLP freed.

    Flash attention sums the gradient of queries in float32, and writes those of keys and values
    for every query head (`mha_varlen_bwd` in PyTorch's `flash_attn/flash_api.cpp`). The gradients
    of all weights behind it are there.
    """
    queries, keys = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    full, width = profile.method == "full", profile.width
    behind = tuple(part for part in block.linears if part.place != "attention")
    made = {
        "queries in float32": 4 * queries,
        "keys and values of all heads": 2 * width * queries * (shape.heads != shape.kv_heads),
        "gradients of queries, keys and values": width * (queries + 2 * keys),
        "gradients of the output": width * queries * (1 if full else 2),
        "gradients of residual streams": 3 * width * shape.hidden,
        "freed: gate and up": -_gate_and_up(shape, profile, block),
        "freed: inputs": -sum(_inputs(shape, profile, replace(block, linears=behind))),
    }
    weights = width * sum(part.size for part in behind) * full
    return sum(made.values()) * profile.tokens + weights + fp8.backward(profile, block, "attention")


def _inputs(shape: Architecture, profile: Profile, block: Block) -> tuple[int, int]:
    """Return the inputs of trained linear layers, and dropout's masks.

    Layers of one place share their input, unless dropout gives each its own. The output of
    attention is saved anyway, but is copied by a cast, dropout or partial rotary embeddings.
    """
    trained = _trained(profile, block)
    if profile.dropped > 0 and profile.method != "full":
        total = sum(part.inputs for part in trained)
        return profile.computed_width * total, profile.mask_width * total
    shared = {part.place: part.inputs for part in trained}
    if not (profile.casts or habits(shape.family).copied_output):
        shared.pop("output", 0)
    if _shares(profile) and not _normed_first(shape):
        shared.pop("attention", 0)
    own = layer_input(shape, profile, block) * (not _normed_first(shape))
    return profile.width * sum(shared.values()) + own, 0


def _gate_and_up(shape: Architecture, profile: Profile, block: Block) -> int:
    return profile.width * block.mlp * (2 if shape.gated_mlp else 1)


def _down_weight(profile: Profile, block: Block) -> int:
    return profile.width * sum(part.size for part in block.linears if part.place == "down")


def _trained(profile: Profile, block: Block) -> tuple[Linear, ...]:
    full = profile.method == "full"
    return tuple(part for part in block.linears if full or part.name in profile.targets)


def _shares(profile: Profile) -> bool:
    """Return whether trained layers read their shared input itself, not a cast or dropped copy."""
    return profile.method == "full" or not (profile.dropped > 0 or profile.casts)


def _normed_first(shape: Architecture) -> bool:
    """Return whether a norm precedes attention, which saves the layer's input."""
    return not FAMILIES[shape.family].naming.norms[0].startswith("post_")


def _normed_last(shape: Architecture) -> bool:
    """Return whether a norm follows the MLP, whose saved input makes room for a gradient."""
    return shape.norms_per_layer > 2 or not _normed_first(shape)


def _norm_inputs(shape: Architecture) -> int:
    """Return how many inputs of norms are saved: of four norms in a layer, the sum behind attention
    is computed again."""
    return min(shape.norms_per_layer, 3)


def _head_norms(shape: Architecture) -> int:
    """Return the statistics of the norms of queries and keys, per token."""
    if not shape.qk_norm:
        return 0
    return shape.heads + shape.kv_heads if FAMILIES[shape.family].qk_width == "head" else 2
