"""The peak memory of one training run, in closed form, from a model's shape and a plan.

Each term counts tensors that the stack keeps: transformers' Llama-like layers with SDPA, PEFT's
LoRA layers, TRL's tiled loss head and AdamW. A GPU's figure is what torch's allocator holds;
a CPU's is the resident memory of the training process. No term is fitted to a model.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from planner.models import Architecture, ModelFacts

ESTIMATOR = "closed-form-1"
"""The name of these formulas in a lock; it changes when their results do."""

MIB = 1 << 20
NF4_BITS = 4.127
"""Bits of an NF4 weight with double quantisation: 4 + 8/64 + 32/(64·256)."""
TILE_TOKENS = 4096
TILE_COLUMNS = 32768
"""The loss head projects this many tokens on this many words of the vocabulary at once."""
WORKSPACE_BYTES = 2 * 32 * MIB
"""cuBLAS's workspace on Hopper, for the forward's thread and the backward's."""
PROCESS_BYTES = 545_000_000
"""Resident on Linux with torch, transformers, TRL and PEFT imported and warm, measured."""
HEAP_OVERHEAD = 0.5
"""What glibc's heap holds beside live tensors, as a share of them, measured."""
HEAP_TENSOR_BYTES = 32 * MIB
"""Tensors from this size are mapped one by one, and leave nothing behind (`mallopt(3)`)."""
CPU_TILE_WIDTH = 35
"""Bytes for each logit of a tile on CPU, where torch's operations take the GPU kernel's place."""
CPU_FORWARD_WIDTH = 17
"""The same without a backward pass."""


@dataclass(frozen=True)
class Profile:
    """A plan, as far as memory depends on it."""

    device: Literal["cpu", "cuda"]
    """Where training runs."""
    method: Literal["lora", "qlora", "full"]
    """What is trained."""
    rank: int
    """Adapter rank; 0 for full."""
    targets: tuple[str, ...]
    """Names of the adapted layers, such as `q_proj`; empty for full."""
    length: int
    """Longest row, in tokens."""
    micro_batch: int
    """Rows at once."""
    checkpointing: bool
    """Whether a layer's activations are computed again in the backward pass."""
    dtype: Literal["float32", "bfloat16"]
    """What the weights are loaded in."""
    dropout: float
    """Of the adapters, 0 to 1."""
    padded: bool
    """Whether rows of a micro-batch differ in length, so that attention gets a mask."""
    autocast: bool = False
    """Whether adapters in float32 are computed in bfloat16 (the trainer's `bf16`)."""
    fused: bool = False
    """Whether AdamW is `adamw_torch_fused`, which needs no scratch space on a GPU."""

    @property
    def tokens(self) -> int:
        """Tokens in a micro-batch of the longest rows."""
        return self.length * self.micro_batch

    @property
    def width(self) -> int:
        """Bytes of a weight and of an activation."""
        return 2 if self.dtype == "bfloat16" else 4

    @property
    def adapter_width(self) -> int:
        """Bytes of a trained parameter: TRL trains QLoRA in bfloat16, PEFT LoRA in float32."""
        return {"lora": 4, "qlora": 2, "full": self.width}[self.method]

    @property
    def casts(self) -> bool:
        """Whether each adapter keeps an input of its own, in another dtype than the layer's."""
        return self.method != "full" and self.adapter_width != self.width

    @property
    def computed_width(self) -> int:
        """Bytes of an element in an adapter's own matrix products."""
        return 2 if self.autocast else self.adapter_width

    @property
    def mask_width(self) -> int:
        """Bytes of an element of dropout's mask: a GPU's kernel keeps a byte, a CPU a factor."""
        return (1 if self.device == "cuda" else self.adapter_width) * (self.dropout > 0)


@dataclass(frozen=True)
class Phase:
    """What is held at one moment of a run."""

    name: str
    """`load`, `forward`, `backward`, `optimizer` or `evaluation`."""
    components: Mapping[str, int]
    """Bytes by component, none of them 0."""

    @property
    def peak_bytes(self) -> int:
        """All components together."""
        return sum(self.components.values())


@dataclass(frozen=True)
class Estimate:
    """What a run holds, phase by phase."""

    phases: tuple[Phase, ...]
    """In the order of a run."""

    @property
    def peak(self) -> Phase:
        """The phase that holds most."""
        return max(self.phases, key=lambda phase: phase.peak_bytes)


@dataclass(frozen=True)
class _Linear:
    name: str
    inputs: int
    outputs: int

    @property
    def size(self) -> int:
        return self.inputs * self.outputs


def estimate(model: ModelFacts, profile: Profile) -> Estimate:
    """Return the phases of training `model` by `profile`, in bytes.

    The trainer's second step and later ones are meant: gradients and AdamW's two states exist.
    """
    shape = model.architecture
    layer = _layer(shape, profile)
    kept = _kept(shape, profile, layer)
    again = layer if profile.checkpointing else {}
    recomputed = {"recomputed layer": sum(again.values()) * profile.tokens}
    standing = _standing(model, profile)
    head = {"loss head": _head(shape, profile)}
    scratch = {"scratch": _scratch(shape, profile)}
    phases = {
        "load": _load(model, profile),
        "forward": standing | _heap(shape, profile, kept | head),
        "backward": standing | _heap(shape, profile, kept | recomputed | scratch),
        "optimizer": standing | {"scratch": _optimizer_scratch(model, profile)},
        "evaluation": _evaluation(model, profile, standing),
    }
    return Estimate(
        tuple(
            Phase(name, {what: size for what, size in components.items() if size})
            for name, components in phases.items()
        )
    )


def trained_parameters(model: ModelFacts, profile: Profile) -> int:
    """Return how many parameters the optimizer holds."""
    if profile.method == "full":
        return model.parameters
    linears = [part for part in _linears(model.architecture) if part.name in profile.targets]
    each = sum(part.inputs + part.outputs for part in linears)
    return profile.rank * each * model.architecture.layers


def _linears(shape: Architecture) -> tuple[_Linear, ...]:
    h, f = shape.hidden, shape.intermediate
    q, kv = shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    return (
        _Linear("q_proj", h, q),
        _Linear("k_proj", h, kv),
        _Linear("v_proj", h, kv),
        _Linear("o_proj", q, h),
        _Linear("gate_proj", h, f),
        _Linear("up_proj", h, f),
        _Linear("down_proj", f, h),
    )


def _standing(model: ModelFacts, profile: Profile) -> dict[str, int]:
    """What stays from step to step."""
    trained = trained_parameters(model, profile) * profile.adapter_width
    return {
        **_room(profile),
        "weights": _weights(model, profile),
        "adapter": trained if profile.method != "full" else 0,
        "gradients": trained,
        "optimizer states": 2 * trained,
    }


def _room(profile: Profile) -> dict[str, int]:
    if profile.device == "cpu":
        return {"process": PROCESS_BYTES}
    return {"workspace": WORKSPACE_BYTES}


def _heap(shape: Architecture, profile: Profile, held: Mapping[str, int]) -> dict[str, int]:
    """Add what the heap of a CPU process holds beside the live tensors that come and go.

    Tables of the loss head are mapped one by one and counted as they are.
    """
    if profile.device == "cuda":
        return dict(held)
    tile = min(profile.tokens, TILE_TOKENS) * min(shape.vocabulary, TILE_COLUMNS) * 4
    stream = profile.tokens * shape.hidden * profile.width
    small = sum(size for what, size in held.items() if what != "loss head")
    small = small if stream < HEAP_TENSOR_BYTES else 0
    small += held.get("loss head", 0) if tile < HEAP_TENSOR_BYTES else 0
    return {**held, "heap": int(HEAP_OVERHEAD * small)}


def _weights(model: ModelFacts, profile: Profile) -> int:
    """Weights as loaded; NF4 covers the layers' linear weights alone."""
    shape = model.architecture
    linear = shape.layers * sum(part.size for part in _linears(shape))
    rest = max(0, model.parameters - linear)
    if profile.method == "qlora":
        return rest * profile.width + int(linear * NF4_BITS / 8)
    blocks = sum(_block(part.size * profile.width, profile) for part in _linears(shape))
    return rest * profile.width + shape.layers * blocks


def _block(size: int, profile: Profile) -> int:
    """Size of an allocation: torch's CUDA allocator takes those of 10 MiB or more in 2 MiB steps
    and splits off no rest of 1 MiB or less (`c10/cuda/CUDACachingAllocator.cpp`)."""
    if profile.device == "cpu" or size < 10 * MIB:
        return size
    rounded = -(-size // (2 * MIB)) * 2 * MIB
    return rounded if rounded - size <= MIB else size


def _layer(shape: Architecture, profile: Profile) -> dict[str, int]:
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
    parts = [p for p in _linears(shape) if p.name in profile.targets or profile.method == "full"]
    names = {part.name for part in parts}
    shared = w * shape.hidden * bool(names & {"q_proj", "k_proj", "v_proj"})
    shared += w * shape.hidden * bool(names & {"gate_proj", "up_proj"})
    shared += w * shape.intermediate * ("down_proj" in names)
    if profile.method == "full":
        return shared, 0
    middle = profile.computed_width * profile.rank * len(parts)
    total = sum(part.inputs for part in parts)
    copies = profile.dropout > 0 or profile.casts
    own = profile.computed_width * total if copies else shared
    return own + middle, profile.mask_width * total


def _kept(shape: Architecture, profile: Profile, layer: Mapping[str, int]) -> dict[str, int]:
    """What the forward pass leaves for the backward pass."""
    tokens, adapters = profile.tokens, {}
    if profile.autocast and profile.method == "lora":
        each = sum(p.inputs + p.outputs for p in _linears(shape) if p.name in profile.targets)
        adapters = {"adapter in bfloat16": 2 * profile.rank * each * shape.layers}
    mask = profile.tokens * profile.length if profile.padded else 0
    if profile.checkpointing:
        inputs = profile.width * shape.hidden * shape.layers * tokens
        return {"layer inputs": inputs, "attention mask": mask} | adapters
    layers = {what: each * shape.layers * tokens for what, each in layer.items()}
    return {**layers, "attention mask": mask} | adapters


def _head(shape: Architecture, profile: Profile) -> int:
    """The last norm, a tile of logits, and the gradients that the loss head sums in float32."""
    w, h, tokens = profile.width, shape.hidden, profile.tokens
    full = profile.method == "full"
    gradient = 4 + (w if w < 4 else 0)
    norm = (4 + w + w * full) * h * tokens
    picked = w * h * tokens if profile.device == "cuda" else 0
    table = gradient * shape.vocabulary * h * full
    return norm + picked + gradient * h * tokens + table + _tile(shape, profile, CPU_TILE_WIDTH)


def _tile(shape: Architecture, profile: Profile, cpu_width: int) -> int:
    rows = min(profile.tokens, TILE_TOKENS)
    if profile.device == "cuda":
        return profile.width * rows * TILE_COLUMNS
    return cpu_width * rows * min(shape.vocabulary, TILE_COLUMNS)


def _scratch(shape: Architecture, profile: Profile) -> int:
    """What comes and goes in one layer at its widest moment, around `down_proj`.

    The three moments: inside `down_proj` in the forward pass (the last layer's, or a recomputed
    one's), at the product of gate and up in the backward pass, and where a weight of the layer
    is dequantised, or its gradient made, beside that.
    """
    w, h, f = profile.width, shape.hidden, shape.intermediate
    inside = _inside_down(shape, profile) + 5 * w * h
    freed = _down_input(shape, profile)
    product = 3 * w * f - freed + 2 * w * h
    beside = 2 * w * f - freed + 2 * w * h
    weight = 0 if profile.method == "lora" else w * h * f
    return max(inside * profile.tokens, product * profile.tokens, beside * profile.tokens + weight)


def _inside_down(shape: Architecture, profile: Profile) -> int:
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


def _optimizer_scratch(model: ModelFacts, profile: Profile) -> int:
    """The square roots of AdamW's second state: of all parameters at once, or on CPU of one."""
    if profile.device == "cuda":
        trained = trained_parameters(model, profile) * profile.adapter_width
        return 0 if profile.fused else trained
    linears = _linears(model.architecture)
    if profile.method == "full":
        table = model.architecture.vocabulary * model.architecture.hidden
        return 2 * profile.width * max(table, *(part.size for part in linears))
    longest = max(max(p.inputs, p.outputs) for p in linears)
    return 2 * profile.adapter_width * profile.rank * longest


def _evaluation(model: ModelFacts, profile: Profile, standing: Mapping[str, int]) -> dict[str, int]:
    """No gradients, no kept activations: one layer at its widest, or the loss head."""
    shape, w = model.architecture, profile.width
    quiet = replace(profile, dropout=0.0)
    wide = max(3 * w * shape.intermediate, _inside_down(shape, quiet)) + 6 * w * shape.hidden
    head = (4 + 2 * w) * shape.hidden * profile.tokens + _tile(shape, profile, CPU_FORWARD_WIDTH)
    return {**standing, "gradients": 0, "scratch": max(wide * profile.tokens, head)}


def _load(model: ModelFacts, profile: Profile) -> dict[str, int]:
    """The weights, and what they are made from: on CPU the files, mapped into memory."""
    files = sum(file.size_bytes for file in model.files if file.name.endswith(".safetensors"))
    source = files if profile.device == "cpu" else 0
    standing = _standing(model, profile)
    return {**standing, "gradients": 0, "optimizer states": 0, "model files": source}
