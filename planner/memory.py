"""The peak memory of one training run, in closed form, from a model's shape and a plan.

Each term counts tensors that the stack keeps: transformers' Llama-like layers with SDPA, PEFT's
LoRA layers, TRL's tiled loss head and AdamW. A GPU's figure is what torch's allocator holds;
a CPU's is the resident memory of the training process. What was measured belongs to the stack,
and no term is fitted to a model.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from planner import layers
from planner.models import Architecture, ModelFacts
from planner.profile import Profile

__all__ = ["ESTIMATOR", "Estimate", "Phase", "Profile", "estimate", "trained_parameters"]

ESTIMATOR = "closed-form-1"
"""The name of these formulas in a lock; it changes when their results do."""

MIB = 1 << 20
NF4_BITS = 4.127
"""Bits of an NF4 weight with double quantisation: 4 + 8/64 + 32/(64·256)."""
WORKSPACE_BYTES = 2 * 32 * MIB
"""cuBLAS's workspace on Hopper, for the forward's thread and the backward's."""
PROCESS_BYTES = 545_000_000
"""Resident on Linux with torch, transformers, TRL and PEFT imported and warm, measured."""
HEAP_OVERHEAD = 0.5
"""What glibc's heap holds beside live tensors, as a share of them, measured."""
HEAP_TENSOR_BYTES = 32 * MIB
"""Tensors from this size are mapped one by one, and leave nothing behind (`mallopt(3)`)."""


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


def estimate(model: ModelFacts, profile: Profile) -> Estimate:
    """Return the phases of training `model` by `profile`, in bytes.

    The trainer's second step and later ones are meant: gradients and AdamW's two states exist.
    """
    shape = model.architecture
    layer = layers.kept_by_layer(shape, profile)
    kept = _kept(model, profile, layer)
    again = layer if profile.checkpointing else {}
    recomputed = {"recomputed layer": sum(again.values()) * profile.tokens}
    standing = _standing(model, profile)
    head = {"loss head": layers.loss_head(shape, profile)}
    summed = {} if profile.accumulates else {"gradients": 0}
    scratch = {"scratch": layers.scratch(shape, profile)}
    phases = {
        "load": _load(model, profile),
        "forward": standing | summed | _heap(shape, profile, kept | head),
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
    linears = layers.linears(model.architecture)
    each = sum(part.inputs + part.outputs for part in linears if part.name in profile.targets)
    return profile.rank * each * model.architecture.layers


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
    tile = 4 * layers.tile_elements(shape, profile)
    stream = profile.tokens * shape.hidden * profile.width
    small = sum(size for what, size in held.items() if what != "loss head")
    small = small if stream < HEAP_TENSOR_BYTES else 0
    small += held.get("loss head", 0) if tile < HEAP_TENSOR_BYTES else 0
    return {**held, "heap": int(HEAP_OVERHEAD * small)}


def _weights(model: ModelFacts, profile: Profile) -> int:
    """Weights as loaded; NF4 covers the layers' linear weights alone."""
    shape = model.architecture
    linear = shape.layers * sum(part.size for part in layers.linears(shape))
    rest = max(0, model.parameters - linear)
    if profile.method == "qlora":
        return rest * profile.width + int(linear * NF4_BITS / 8)
    blocks = sum(_block(part.size * profile.width, profile) for part in layers.linears(shape))
    return rest * profile.width + shape.layers * blocks


def _block(size: int, profile: Profile) -> int:
    """Size of an allocation: torch's CUDA allocator takes those of 10 MiB or more in 2 MiB steps
    and splits off no rest of 1 MiB or less (`c10/cuda/CUDACachingAllocator.cpp`)."""
    if profile.device == "cpu" or size < 10 * MIB:
        return size
    rounded = -(-size // (2 * MIB)) * 2 * MIB
    return rounded if rounded - size <= MIB else size


def _kept(model: ModelFacts, profile: Profile, layer: Mapping[str, int]) -> dict[str, int]:
    """What the forward pass leaves for the backward pass."""
    shape, tokens = model.architecture, profile.tokens
    cast = profile.autocast and profile.method == "lora"
    adapters = {"adapter in bfloat16": 2 * trained_parameters(model, profile) * cast}
    mask = profile.tokens * profile.length if profile.padded else 0
    if profile.checkpointing:
        inputs = profile.width * shape.hidden * shape.layers * tokens
        return {"layer inputs": inputs, "attention mask": mask} | adapters
    whole = {what: each * shape.layers * tokens for what, each in layer.items()}
    return {**whole, "attention mask": mask} | adapters


def _optimizer_scratch(model: ModelFacts, profile: Profile) -> int:
    """The square roots of AdamW's second state: of all parameters at once, or on CPU of one."""
    if profile.device == "cuda":
        trained = trained_parameters(model, profile) * profile.adapter_width
        return 0 if profile.fused else trained
    linears = layers.linears(model.architecture)
    if profile.method == "full":
        table = model.architecture.vocabulary * model.architecture.hidden
        return 2 * profile.width * max(table, *(part.size for part in linears))
    longest = max(max(p.inputs, p.outputs) for p in linears)
    return 2 * profile.adapter_width * profile.rank * longest


def _evaluation(model: ModelFacts, profile: Profile, standing: Mapping[str, int]) -> dict[str, int]:
    """No gradients, no kept activations: one layer at its widest, or the loss head."""
    shape, w = model.architecture, profile.width
    quiet = replace(profile, dropout=0.0)
    wide = max(3 * w * shape.intermediate, layers.inside_down(shape, quiet)) + 6 * w * shape.hidden
    head = (4 + 2 * w) * shape.hidden * profile.tokens + layers.tile(
        shape, profile, layers.CPU_FORWARD_WIDTH
    )
    return {**standing, "gradients": 0, "scratch": max(wide * profile.tokens, head)}


def _load(model: ModelFacts, profile: Profile) -> dict[str, int]:
    """The weights, and what they are made from: on CPU the files, mapped into memory."""
    files = sum(file.size_bytes for file in model.files if file.name.endswith(".safetensors"))
    source = files if profile.device == "cpu" else 0
    standing = _standing(model, profile)
    return {**standing, "gradients": 0, "optimizer states": 0, "model files": source}
