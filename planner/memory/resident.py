"""Resident memory between steps: weights, adapter, gradients and optimizer states."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from math import prod

from planner.memory import fp8, sharding
from planner.memory.facts import MIB, Sized
from planner.memory.shares import Shares, small_elements
from planner.memory.trainable import states, stored_parameters, trained_parameters
from planner.memory.widths import quantised
from planner.models import layers
from planner.models.facts import Architecture
from planner.models.families import FAMILIES
from planner.parallelism.ddp import COPIED_ELEMENTS, TRAVELING_ELEMENTS
from planner.setup.setup import Profile

NF4_BITS = 4.127
"""Bits of an NF4 weight with double quantization: 4 + 8/64 + 32/(64·256)."""
WORKSPACE_BYTES = 2 * 32 * MIB
"""cuBLAS workspaces on Hopper, for the forward and the backward thread."""
PROCESS_BYTES = 535_000_000
"""Resident memory of a process with torch, transformers, TRL and PEFT after its first steps, where
it was not measured on the machine itself; a typical value on Linux."""
QUANTIZER_BYTES = 48_000_000
"""What bitsandbytes adds to that; only stages that quantize import it."""
ROW_TOKEN_BYTES = 115
"""Bytes of a token in the rows and columns of Python and Arrow that a trainer keeps; measured."""


@dataclass(frozen=True)
class Standing:
    """Resident memory by component."""

    shares: Shares
    """What the training device holds, and what its process offloads."""
    trained: int
    """Bytes of the trained parameters in their own type, unsharded."""
    paged: int
    """Bytes of paged states."""


def standing(model: Sized, profile: Profile, *, flows: bool = False) -> Standing:
    """Return the resident memory of each card; `flows` says whether rows are concatenated in
    passes, with the last of which processes exchange gradients by `runner.training.exchange`."""
    base = weights(model, profile)
    elements = trained_parameters(model, profile)
    trained = elements * profile.adapter_width
    inside, paged = states(model, profile)
    held = {
        **_room(profile),
        "weights": base,
        "reference weights": _reference(base, profile),
        "adapter": trained if profile.method != "full" else 0,
        "gradients": trained,
        "optimizer states": inside,
    }
    if profile.sharded:
        found = sharding.shared(model, profile, held, elements)
        masked = _masked(found.resident, model.architecture)
        return Standing(replace(found, resident=masked), trained, 0)
    if profile.copied:
        held = held | {"communication buckets": _copied(model, profile) if flows else trained}
    return Standing(Shares(_masked(held, model.architecture)), trained, paged)


def _copied(model: Sized, profile: Profile) -> int:
    """Return the bytes of gradients of which copies are exchanged at the same time."""
    small = small_elements(model.architecture, profile, COPIED_ELEMENTS - 1)
    return profile.adapter_width * min(small, TRAVELING_ELEMENTS)


def weights(model: Sized, profile: Profile) -> int:
    """Return the bytes of the loaded weights; bitsandbytes quantizes only linear layers.

    There is no rounding on a GPU: transformers preallocates memory for all weights at once
    (`caching_allocator_warmup`), and torch's allocator splits it.
    """
    linear, outputs = quantized_sums(model.architecture)
    stored = stored_parameters(model, profile)
    rest = max(0, stored - linear) * profile.width
    bits = quantised(model.architecture, profile)
    if bits == 4:
        return rest + int(linear * NF4_BITS / 8)
    if bits == 8:
        return rest + linear + 4 * outputs
    return stored * profile.width - fp8.less(model.architecture, profile)


@lru_cache(maxsize=4096)
def quantized_sums(shape: Architecture) -> tuple[int, int]:
    """Return the elements of the linear layers that bitsandbytes quantizes, and their outputs."""
    found = tuple(_quantized(shape))
    return (
        sum(count * outputs * inputs for count, outputs, inputs in found),
        sum(count * outputs for count, outputs, _ in found),
    )


def _quantized(shape: Architecture) -> Iterator[tuple[int, int, int]]:
    """Yield how many such layers there are, with their outputs and inputs."""
    kind = FAMILIES[shape.family]
    for block in layers.blocks(shape):
        for part in block.linears:
            if part.quantized:
                yield block.count, part.outputs, part.inputs
        for one in block.extras:
            if one.linear:
                yield block.count, one.shape[0], prod(one.shape[1:])
        if kind.shared_gate and block.experts and block.mlp:
            yield block.count, 1, shape.hidden
    for one in kind.outside(shape) if kind.outside else ():
        if one.linear:
            yield 1, one.shape[0], prod(one.shape[1:])


def of_process(profile: Profile) -> int:
    """Return the resident memory of the process itself on a CPU, in bytes."""
    own = profile.process_bytes or PROCESS_BYTES
    return own + QUANTIZER_BYTES * (profile.method == "qlora")


def _room(profile: Profile) -> dict[str, int]:
    if profile.device == "cpu":
        return {"process": of_process(profile), "rows": ROW_TOKEN_BYTES * profile.held_tokens}
    return {"workspace": WORKSPACE_BYTES}


def _masked(held: dict[str, int], shape: Architecture) -> dict[str, int]:
    """Add the mask of all pairs of positions that some models hold, which nothing shards."""
    if not FAMILIES[shape.family].habits.masks_positions:
        return held
    models = [name for name in ("weights", "reference weights") if held[name]]
    return held | {name: held[name] + shape.context**2 for name in models}


def _reference(base: int, profile: Profile) -> int:
    """Return the weights of the reference, if it is a second model."""
    return base if profile.spec.second_model(profile.method) else 0
