"""What one layer and the loss head hold in a training step, in bytes, by the source of the stack.

Counted are transformers' Llama-like layers with SDPA, PEFT's LoRA layers and TRL's tiled loss
head (`trl/kernels/chunked_logprob.py`). Terms are for each token of a micro-batch unless named.
"""

from dataclasses import dataclass

from planner.models import Architecture
from planner.profile import Profile

TILE_TOKENS = 4096
"""Tokens that the loss head projects at once."""
TILE_COLUMNS = 32768
"""Words of the vocabulary that it projects them on at once."""
CPU_TILE_WIDTH = 35
"""Bytes for each logit of a tile on CPU, where torch's operations take the GPU kernel's place."""
CPU_FORWARD_WIDTH = 17
"""The same without a backward pass."""


@dataclass(frozen=True)
class Linear:
    """One linear layer of a block."""

    name: str
    """Such as `q_proj`."""
    inputs: int
    """Width of what it reads."""
    outputs: int
    """Width of what it writes."""

    @property
    def size(self) -> int:
        """Elements of its weight."""
        return self.inputs * self.outputs


def linears(shape: Architecture) -> tuple[Linear, ...]:
    """Return the linear layers of one block, in the order of the forward pass."""
    h, f = shape.hidden, shape.intermediate
    q, kv = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    return (
        Linear("q_proj", h, q),
        Linear("k_proj", h, kv),
        Linear("v_proj", h, kv),
        Linear("o_proj", q, h),
        Linear("gate_proj", h, f),
        Linear("up_proj", h, f),
        Linear("down_proj", f, h),
    )


def kept_by_layer(shape: Architecture, profile: Profile) -> dict[str, int]:
    """What one layer keeps for the backward pass, in bytes a token."""
    w, h, f = profile.width, shape.hidden, shape.intermediate
    q, kv = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    full = profile.method == "full"
    normed = 2 * h + ((q + kv) if shape.qk_norm else 0)
    norms = normed * (4 + (w if full else 0))
    heads = 2 * w * (q if profile.padded else kv)
    mask = w * profile.length if profile.padded else 0
    attention = 2 * w * q + heads + 4 * shape.heads + mask
    inputs, masks = _inputs(shape, profile)
    return {
        "activations": norms + attention + 3 * w * f + inputs,
        "dropout masks": masks,
    }


def _inputs(shape: Architecture, profile: Profile) -> tuple[int, int]:
    """Inputs of the trained linear layers, and dropout's masks, in bytes a token.

    Layers that read one tensor share it, unless dropout or a cast makes a copy for each. The
    attention's output, which `o_proj` reads, is already kept by the attention itself.
    """
    w = profile.width
    parts = [p for p in linears(shape) if p.name in profile.targets or profile.method == "full"]
    names = {part.name for part in parts}
    shared = w * shape.hidden * (len(names & {"q_proj", "k_proj", "v_proj"}) > 0)
    shared += w * shape.hidden * (len(names & {"gate_proj", "up_proj"}) > 0)
    shared += w * shape.intermediate * ("down_proj" in names)
    if profile.method == "full":
        return shared, 0
    middle = profile.computed_width * profile.rank * len(parts)
    total = sum(part.inputs for part in parts)
    copies = profile.dropout > 0 or profile.casts
    own = profile.computed_width * total if copies else shared
    return own + middle, profile.mask_width * total


def loss_head(shape: Architecture, profile: Profile) -> int:
    """The last norm, a tile of logits, and the gradients that the loss head sums in float32."""
    w, h, tokens = profile.width, shape.hidden, profile.tokens
    full = profile.method == "full"
    gradient = 4 + (w if w < 4 else 0)
    norm = (4 + w + w * full) * h * tokens
    picked = w * h * tokens if profile.device == "cuda" else 0
    table = gradient * shape.vocabulary * h * full
    return norm + picked + gradient * h * tokens + table + tile(shape, profile, CPU_TILE_WIDTH)


def tile(shape: Architecture, profile: Profile, cpu_width: int) -> int:
    """Bytes of a tile of logits; on CPU `cpu_width` for each of them."""
    if profile.device == "cuda":
        return profile.width * min(profile.tokens, TILE_TOKENS) * TILE_COLUMNS
    return cpu_width * tile_elements(shape, profile)


def tile_elements(shape: Architecture, profile: Profile) -> int:
    """Return how many logits of a tile are used."""
    return min(profile.tokens, TILE_TOKENS) * min(shape.vocabulary, TILE_COLUMNS)


def scratch(shape: Architecture, profile: Profile) -> int:
    """What comes and goes in one layer at its widest moment, around `down_proj`.

    The three moments: inside `down_proj` in the forward pass (the last layer's, or a recomputed
    one's), at the product of gate and up in the backward pass, and where a weight of the layer
    is dequantised, or its gradient made, beside that.
    """
    w, h, f = profile.width, shape.hidden, shape.intermediate
    inside = inside_down(shape, profile) + 5 * w * h
    freed = _down_input(shape, profile)
    product = 3 * w * f - freed + 2 * w * h
    beside = 2 * w * f - freed + 2 * w * h
    weight = 0 if profile.method == "lora" else w * h * f
    return max(inside * profile.tokens, product * profile.tokens, beside * profile.tokens + weight)


def inside_down(shape: Architecture, profile: Profile) -> int:
    """Bytes a token that PEFT's layer holds beside what the backward pass needs.

    These are the product that entered, its cast where the adapter has another dtype, and
    dropout's output where autocast casts it again.
    """
    f, c, dropped = shape.intermediate, profile.adapter_width, profile.dropout > 0
    if profile.method == "full" or "down_proj" not in profile.targets:
        return 0
    if not profile.casts:
        return profile.width * f * dropped
    if profile.autocast:
        return (profile.width + c + c * dropped) * f
    return (profile.width + c * dropped) * f + 3 * c * shape.hidden


def _down_input(shape: Architecture, profile: Profile) -> int:
    """Bytes a token that `down_proj` keeps for its backward pass, and frees in it."""
    f = shape.intermediate
    if profile.method == "full":
        return profile.width * f
    if "down_proj" not in profile.targets:
        return 0
    return (profile.computed_width + profile.mask_width) * f
