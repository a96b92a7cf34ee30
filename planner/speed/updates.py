"""The work of an optimizer step after the backward pass."""

from functools import lru_cache

from planner.memory.facts import Sized
from planner.memory.trainable import trained_parameters
from planner.models import layers
from planner.models.facts import Architecture
from planner.setup.setup import Profile


def updated_bytes(model: Sized, profile: Profile) -> float:
    """Return the bytes that clipping and AdamW read and write.

    Clipping reads the gradients, then reads and writes them again. The fused update reads
    parameters, gradients and both states, and writes all but the gradients; the unfused update does
    so in separate operations. 8-bit states have one byte each. Engines that share states update a
    part of the parameters, in float32.
    """
    trained = trained_parameters(model, profile)
    if profile.sharded:
        return 0.0 if profile.offloads else float(10 * 4 * trained // profile.ranks)
    each = 10 * profile.adapter_width
    if profile.optimizer == "adamw_torch" and not profile.fused:
        each = 24 * profile.adapter_width
    if profile.optimizer.endswith("8bit"):
        each = 6 * profile.adapter_width + 4
    return float(each * trained)


def trained_tensors(shape: Architecture, profile: Profile) -> int:
    """Return the number of trained tensors."""
    return _tensors(shape, profile.targets if profile.method != "full" else None)


@lru_cache(maxsize=4096)
def _tensors(shape: Architecture, targets: tuple[str, ...] | None) -> int:
    found = 0
    for block in layers.blocks(shape):
        if targets is None:
            own = len(block.linears) + shape.norms_per_layer + 2 * shape.qk_norm
            own += 3 * shape.bias + (3 if block.experts else 0)
        else:
            own = 2 * sum(part.name in targets for part in block.linears)
        found += block.count * own
    return found + (3 if targets is None else 0)
