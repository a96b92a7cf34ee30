"""The phases of a training step, put together from what stands and what comes and goes."""

from collections.abc import Mapping

from planner.memory import backward, loss_head, saved_activations, transient
from planner.memory.facts import MIB, Estimate, Phase, Sized
from planner.memory.resident import Standing, standing
from planner.memory.trainable import trained_parameters
from planner.memory.widths import stream_width
from planner.models import layers
from planner.models.facts import Architecture
from planner.models.layers import Block
from planner.setup.setup import Profile

ESTIMATOR = "closed-form-3"
"""The name of these formulas in a lock; it changes when their results do."""

HEAP_OVERHEAD = 0.5
"""What glibc's heap holds beside live tensors, as a share of them, measured."""
HEAP_TENSOR_BYTES = 32 * MIB
"""Tensors from this size are mapped one by one, and leave nothing behind (`mallopt(3)`)."""


def estimate(model: Sized, profile: Profile) -> Estimate:
    """Return the phases of training `model` by `profile`, in bytes.

    The trainer's second step and later ones are meant: gradients and AdamW's two states exist.
    Of several cards, each holds this.
    """
    stands = standing(model, profile)
    shape, held = model.architecture, stands.components
    blocks = layers.blocks(shape)
    left = _left(shape, profile, blocks, stands)
    phases = {
        "load": held | {"gradients": 0, "optimizer states": 0, **_files(model, profile)},
        "forward": _forward(shape, profile, blocks, held, left),
        "reference": _reference(shape, profile, blocks, held | left),
        "backward": _backward(shape, profile, blocks, held, left),
        "optimizer": held | {"scratch": _optimizer_scratch(model, profile)},
        "evaluation": held | {"gradients": 0, "scratch": _quiet(shape, profile, blocks)},
    }
    found = (
        Phase(name, {what: size for what, size in components.items() if size})
        for name, components in phases.items()
        if components
    )
    return Estimate(tuple(found), stands.paged, stands.host)


def _left(
    shape: Architecture, profile: Profile, blocks: tuple[Block, ...], stands: Standing
) -> dict[str, int]:
    """What the forward pass leaves for the backward pass."""
    found = _all_layers(shape, profile, blocks)
    cast = profile.autocast and profile.method != "full" and profile.adapter_width == 4
    return found | {
        "attention mask": saved_activations.mask(shape, profile),
        "adapter in bfloat16": stands.trained // 2 if cast else 0,
    }


def _all_layers(shape: Architecture, profile: Profile, blocks: tuple[Block, ...]) -> dict[str, int]:
    """What all layers leave: everything, or with checkpointing their inputs alone."""
    tokens = profile.tokens
    if profile.checkpointing:
        past = sum(b.count * saved_activations.past_checkpoints(shape, profile, b) for b in blocks)
        inputs = stream_width(shape, profile) * shape.hidden * shape.layers
        return {"layer inputs": inputs * tokens, "inputs of 8-bit layers": past * tokens}
    total = {"activations": 0, "dropout masks": 0}
    for block in blocks:
        for what, each in saved_activations.activations(shape, profile, block).items():
            total[what] += each * block.count * tokens
    masked = saved_activations.masked_layers(shape, profile)
    if masked:
        total["activations"] += masked * saved_activations.mask_extra(shape, profile) * tokens
    return total


def _forward(
    shape: Architecture,
    profile: Profile,
    blocks: tuple[Block, ...],
    held: Mapping[str, int],
    left: Mapping[str, int],
) -> dict[str, int]:
    """At the loss head, where the backward pass begins, or in a checkpointed layer before it."""
    summed = {} if profile.accumulates else {"gradients": 0}
    found = {"loss head": loss_head.loss_head(shape, profile)}
    if profile.checkpointing:
        inside = max(transient.forward(shape, profile, block) for block in blocks)
        found = found if found["loss head"] >= inside else {"scratch": inside}
    return {**held, **summed, **_heap(shape, profile, {**left, **found})}


def _backward(
    shape: Architecture,
    profile: Profile,
    blocks: tuple[Block, ...],
    held: Mapping[str, int],
    left: Mapping[str, int],
) -> dict[str, int]:
    """In the last layer, or in the first one where gradients come into being on the way."""
    found = (
        {**held, "gradients": gradients, **_heap(shape, profile, moving)}
        for gradients, moving in backward.moments(shape, profile, blocks, left, held["gradients"])
    )
    return max(found, key=lambda components: sum(components.values()))


def _reference(
    shape: Architecture, profile: Profile, blocks: tuple[Block, ...], held: Mapping[str, int]
) -> dict[str, int]:
    """The reference's pass without gradients, while what the trained model's pass left is kept."""
    if profile.spec.reference == "none":
        return {}
    quiet = _quiet(shape, profile, blocks)
    return {**held, "loss head": loss_head.kept_by_head(shape, profile), "scratch": quiet}


def _quiet(shape: Architecture, profile: Profile, blocks: tuple[Block, ...]) -> int:
    """The widest moment of a pass without gradients."""
    return max(transient.without_gradient(shape, profile, block) for block in blocks)


def _optimizer_scratch(model: Sized, profile: Profile) -> int:
    """What a step adds: under ZeRO float32 gradients of a shard, with torch's plain AdamW the
    square roots of its second state, of all parameters at once or on CPU of one tensor."""
    if profile.sharded:
        return 0 if profile.offload != "none" else _shard_scratch(model, profile)
    if profile.optimizer.endswith("8bit"):
        return 0
    if profile.device == "cuda":
        fused = profile.fused or profile.optimizer == "adamw_torch_fused"
        return 0 if fused else trained_parameters(model, profile) * profile.adapter_width
    linears = layers.linears(model.architecture)
    if profile.method == "full":
        table = model.architecture.vocabulary * model.architecture.hidden
        return 2 * profile.width * max(table, *(part.size for part in linears))
    longest = max(max(p.inputs, p.outputs) for p in linears)
    return 2 * profile.adapter_width * profile.rank * longest


def _shard_scratch(model: Sized, profile: Profile) -> int:
    each = 0 if profile.engine.shards == "fsdp2" else 4
    return each * trained_parameters(model, profile) // profile.ranks


def _files(model: Sized, profile: Profile) -> dict[str, int]:
    """What weights are made from on CPU: the files, mapped into memory."""
    if profile.device != "cpu":
        return {}
    return {"model files": model.stored_bytes}


def _heap(shape: Architecture, profile: Profile, held: Mapping[str, int]) -> Mapping[str, int]:
    """Add what the heap of a CPU process holds beside the live tensors that come and go.

    Tables of the loss head are mapped one by one and counted as they are.
    """
    if profile.device == "cuda":
        return held
    tile = 4 * loss_head.tile_elements(shape, profile)
    stream = profile.tokens * shape.hidden * profile.width
    small = sum(size for what, size in held.items() if what != "loss head")
    small = small if stream < HEAP_TENSOR_BYTES else 0
    small += held.get("loss head", 0) if tile < HEAP_TENSOR_BYTES else 0
    return {**held, "heap": int(HEAP_OVERHEAD * small)}
