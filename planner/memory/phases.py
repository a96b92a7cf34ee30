"""Assembles the phases of a training step from resident and temporary tensors."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from planner.memory import (
    alternating_updates,
    backward,
    compiled_layers,
    first_layer,
    fp8,
    loss_head,
    per_layer_inputs,
    places,
    recorded_passes,
    saved_activations,
    transient,
)
from planner.memory.facts import Estimate, Phase, Sized
from planner.memory.resident import Standing, standing
from planner.memory.shares import Moment, Shares, merged
from planner.memory.trainable import trained_parameters
from planner.models import layers
from planner.models.facts import Architecture
from planner.models.families import FAMILIES
from planner.models.layers import Block
from planner.setup.setup import HEAP_TENSOR_BYTES, Profile

ESTIMATOR = "closed-form-8"
"""The name of these formulas in a lock; it must change when their results do."""


_Moments = Iterable[tuple[Moment, Mapping[str, int]]]
"""Points of a step with the temporary tensors of each."""
HEAP_OVERHEAD = 0.3
"""Overhead of glibc's heap, as a share of the temporary tensors in it; measured."""
CHECKPOINTED_OVERHEAD = 0.9
"""The same with checkpointing, where tensors come and go between the saved inputs."""


def estimate(model: Sized, profile: Profile) -> Estimate:
    """Return the memory of training `model` with `profile` by phase, in bytes.

    It is that of the second and later steps, in which gradients and AdamW's two states exist. With
    several cards, it is the memory of each card.
    """
    flows, profile = profile.pass_tokens > 0, profile.in_passes()
    if profile.graph_sizes:
        profile = replace(profile, accumulates=True)  # recordings add to gradients that stay
    resident = standing(model, profile, flows=flows)
    shape, shares = model.architecture, resident.shares
    held = shares.resident
    blocks = layers.blocks(shape)
    left = _left(shape, profile, blocks, resident)
    quiet = {"scratch": _quiet(shape, profile, blocks)}
    phases = {
        "load": held
        | {"gradients": 0, "optimizer states": 0, **_files(model, profile)}
        | _before_rounding(shape, profile, held),
        "forward": _forward(shape, profile, blocks, shares, left),
        "reference": _reference(shape, profile, blocks, shares, left),
        "backward": _backward(shape, profile, blocks, shares, left),
        "optimizer": _step(model, profile, shares),
        "evaluation": _quietly(shares) | quiet,
    }
    found = tuple(
        Phase(name, {what: size for what, size in components.items() if size})
        for name, components in phases.items()
        if components
    )
    apart = _apart(profile, shares, found) if shares.moments else 0
    return Estimate(found, resident.paged, shares.host, apart, shares.stored, shares.loading)


def _apart(profile: Profile, shares: Shares, phases: tuple[Phase, ...]) -> int:
    """Return what the allocator keeps besides the peak.

    DeepSpeed's step allocates blocks of other sizes than the passes, so the allocator keeps both;
    measured with and without expandable segments (`test_points_ranks.py`).
    """
    if profile.engine.shards != "deepspeed":
        return 0
    held = _total(shares.resident)
    peaks = {phase.name: phase.peak_bytes - held for phase in phases}
    return max(0, min(peaks["optimizer"], max(peaks["forward"], peaks["backward"])))


def _left(
    shape: Architecture, profile: Profile, blocks: tuple[Block, ...], resident: Standing
) -> dict[str, int]:
    """Return what the forward pass saves for the backward pass."""
    found = _all_layers(shape, profile, blocks)
    cast = profile.autocast and profile.method != "full" and profile.adapter_width == 4
    if profile.checkpointing and compiled_layers.compiled(shape, profile):
        cast = False  # each layer makes its own again, and autocast's cache has none
    return found | {
        "attention mask": saved_activations.mask(shape, profile),
        "adapter in bfloat16": resident.trained // 2 if cast else 0,
    }


def _all_layers(shape: Architecture, profile: Profile, blocks: tuple[Block, ...]) -> dict[str, int]:
    """Return what all layers save: all activations, or with checkpointing only their inputs."""
    tokens = profile.tokens
    outside = backward.kept_outside(shape, profile)
    if profile.checkpointing:
        past = sum(b.count * saved_activations.past_checkpoints(shape, profile, b) for b in blocks)
        inputs = sum(b.count * saved_activations.layer_input(shape, profile, b) for b in blocks)
        return {
            "layer inputs": inputs * tokens + outside,
            "inputs of 8-bit layers": past * tokens,
        }
    total = {"activations": 0, "dropout masks": 0, "layer inputs": outside}
    for block in blocks:
        for what, each in saved_activations.activations(shape, profile, block).items():
            total[what] += each * block.count * tokens
    total["activations"] += saved_activations.masks_extra(shape, profile) * tokens
    total["activations"] -= alternating_updates.less_at_first(shape, profile) * tokens
    for what, each in first_layer.less(shape, profile, blocks).items():
        total[what] -= each * tokens
    return total


def _before_rounding(
    shape: Architecture, profile: Profile, held: Mapping[str, int]
) -> dict[str, int]:
    """Return the weights before they are rounded, and what rounding them needs."""
    if profile.base_products != "fp8":
        return {}
    loaded = held["weights"] + fp8.less(shape, profile)
    return {"weights": loaded, "scratch": fp8.converting(shape, profile)}


def _forward(
    shape: Architecture,
    profile: Profile,
    blocks: tuple[Block, ...],
    shares: Shares,
    left: Mapping[str, int],
) -> dict[str, int]:
    """Return the memory at the loss head, or in a layer if that needs more."""
    behind = alternating_updates.behind(shape, profile) * profile.tokens
    moments = [{**left, "loss head": loss_head.loss_head(shape, profile) + behind}]
    if profile.checkpointing:
        inside = max(transient.forward(shape, profile, block) for block in blocks)
        moments.append({**left, "scratch": inside})
    elif FAMILIES[shape.family].blocks:
        moments += places.in_mixers(shape, profile, left)
    if shares.moments:
        head, *inner = moments
        every: _Moments = [("head", head), *(("layer", one) for one in inner), ("start", {})]
        return _most(shape, profile, shares, every)
    summed = {} if profile.accumulates else {"gradients": 0}
    most = max(moments, key=_total)
    return {**shares.resident, **summed, **_heap(shape, profile, most)}


def _backward(
    shape: Architecture,
    profile: Profile,
    blocks: tuple[Block, ...],
    shares: Shares,
    left: Mapping[str, int],
) -> dict[str, int]:
    """Return the memory in the last or the first layer, whichever needs more."""
    held = shares.resident
    moments = backward.moments(shape, profile, blocks, left, held["gradients"])
    if shares.moments:
        first = backward.in_first(shape, profile, blocks, left)
        every: _Moments = [
            *(("last", moving) for _, moving in moments), ("first", first), ("end", {})
        ]  # fmt: skip
        return _most(shape, profile, shares, every)
    found = (
        {**held, "gradients": gradients, **_heap(shape, profile, moving)}
        for gradients, moving in moments
    )
    most = max(found, key=lambda components: sum(components.values()))
    return {**most, **recorded_passes.besides_pool(shape, profile)}


def _most(
    shape: Architecture,
    profile: Profile,
    shares: Shares,
    moments: "_Moments",
) -> dict[str, int]:
    """Return the moment at which a card that shares memory needs the most, of its temporary
    tensors."""
    found = [
        merged({**shares.resident, **_heap(shape, profile, moving)}, shares.at(moment))
        for moment, moving in moments
    ]
    return max(found, key=_total)


def _total(components: Mapping[str, int]) -> int:
    return sum(components.values())


def _reference(
    shape: Architecture,
    profile: Profile,
    blocks: tuple[Block, ...],
    shares: Shares,
    left: Mapping[str, int],
) -> dict[str, int]:
    """Return the memory of the reference pass, during which saved activations are kept."""
    if profile.spec.reference == "none":
        return {}
    held = {**merged(shares.resident, shares.at("head")), **left}
    quiet = _quiet(shape, profile, blocks)
    return {**held, "loss head": loss_head.kept_by_head(shape, profile), "scratch": quiet}


def _quiet(shape: Architecture, profile: Profile, blocks: tuple[Block, ...]) -> int:
    """Return the peak of a pass without gradients."""
    inside = max(
        transient.without_gradient(shape, profile, block) + fp8.rounding(profile, block)
        for block in blocks
    )
    return max(inside, per_layer_inputs.without_gradient(shape, profile))


def _quietly(shares: Shares) -> dict[str, int]:
    """Return what an evaluation holds: no gradients, unless their buffer is kept."""
    if not shares.moments:
        return shares.resident | {"gradients": 0}
    return merged(shares.resident, shares.at("evaluation"))


def _step(model: Sized, profile: Profile, shares: Shares) -> dict[str, int]:
    """Return the memory of an optimizer step."""
    if shares.moments:
        return merged(shares.resident, shares.at("step"))
    return shares.resident | {"scratch": _optimizer_scratch(model, profile)}


def _optimizer_scratch(model: Sized, profile: Profile) -> int:
    """Return what torch's unfused AdamW adds: the square roots of its second state, for all
    parameters or on CPU for one tensor."""
    if profile.optimizer.endswith("8bit"):
        return 0
    if profile.device == "cuda":
        fused = profile.fused or profile.optimizer == "adamw_torch_fused"
        return 0 if fused else trained_parameters(model, profile) * profile.adapter_width
    linears = layers.linears(model.architecture)
    if profile.method == "full":
        shape = model.architecture
        table = max(shape.vocabulary * shape.hidden, per_layer_inputs.table(shape))
        return 2 * profile.width * max(table, *(part.size for part in linears))
    longest = max(max(p.inputs, p.outputs) for p in linears)
    return 2 * profile.adapter_width * profile.rank * longest


def _files(model: Sized, profile: Profile) -> dict[str, int]:
    """Return the weight files, which are mapped into memory on CPU."""
    if profile.device != "cpu":
        return {}
    return {"model files": model.stored_bytes}


def _heap(shape: Architecture, profile: Profile, held: Mapping[str, int]) -> Mapping[str, int]:
    """Add the heap overhead of temporary tensors in a CPU process."""
    if profile.device == "cuda":
        return held
    return {**held, "heap": heap_bytes(shape.hidden, profile, sum(held.values()))}


def heap_bytes(hidden: int, profile: Profile, temporary: int) -> int:
    """Return the heap overhead of `temporary` bytes of tensors in a CPU process.

    The longer the rows, the fewer tensors are below the size from which each is mapped by itself,
    and the less the holes of those matter; the power is measured.
    """
    stream = profile.tokens * hidden * profile.width
    share = CHECKPOINTED_OVERHEAD if profile.checkpointing else HEAP_OVERHEAD
    share *= min(1.0, HEAP_TENSOR_BYTES / stream) ** 1.5
    return int(share * temporary)
