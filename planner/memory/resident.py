"""What stands from step to step: weights, adapter, gradients and the optimizer's states."""

from dataclasses import dataclass
from functools import lru_cache

from planner.memory import sharding
from planner.memory.facts import MIB, Sized
from planner.memory.trainable import states, stored_parameters, trained_parameters
from planner.memory.widths import quantised
from planner.models import layers
from planner.models.facts import Architecture
from planner.setup.setup import Profile

NF4_BITS = 4.127
"""Bits of an NF4 weight with double quantisation: 4 + 8/64 + 32/(64·256)."""
WORKSPACE_BYTES = 2 * 32 * MIB
"""cuBLAS's workspace on Hopper, for the forward's thread and the backward's."""
PROCESS_BYTES = 555_000_000
"""Resident on Linux with torch, transformers, TRL and PEFT imported and warm, measured."""


@dataclass(frozen=True)
class Standing:
    """What stands, by component."""

    components: dict[str, int]
    """Bytes on the device that trains."""
    trained: int
    """Bytes of the trained parameters in their own type, unsharded."""
    paged: int
    """Bytes of paged states."""
    host: int
    """Bytes in main memory."""


def standing(model: Sized, profile: Profile) -> Standing:
    """Return what stands, on each card."""
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
        held, host = sharding.shared(model, profile, held, elements)
        return Standing(held, trained, 0, host)
    if profile.copied:
        held = held | {"communication buckets": trained}
    return Standing(held, trained, paged, 0)


def weights(model: Sized, profile: Profile) -> int:
    """Return the bytes of the weights as loaded; bitsandbytes holds the linear layers alone.

    They are no rounder on a GPU: transformers makes room for all of them at once
    (`caching_allocator_warmup`), and torch's allocator cuts them out of that.
    """
    linear, outputs = _linear_sums(model.architecture)
    stored = stored_parameters(model, profile)
    rest = max(0, stored - linear) * profile.width
    bits = quantised(model.architecture, profile)
    if bits == 4:
        return rest + int(linear * NF4_BITS / 8)
    if bits == 8:
        return rest + linear + 4 * outputs
    return stored * profile.width


@lru_cache(maxsize=4096)
def _linear_sums(shape: Architecture) -> tuple[int, int]:
    """Return the elements of the linear layers, and of their outputs."""
    parts = [(block.count, part) for block in layers.blocks(shape) for part in block.linears]
    return (
        sum(count * part.size for count, part in parts),
        sum(count * part.outputs for count, part in parts),
    )


def _room(profile: Profile) -> dict[str, int]:
    if profile.device == "cpu":
        return {"process": PROCESS_BYTES}
    return {"workspace": WORKSPACE_BYTES}


def _reference(base: int, profile: Profile) -> int:
    """The reference's weights, where it is a second model."""
    return base if profile.spec.second_model(profile.method) else 0
