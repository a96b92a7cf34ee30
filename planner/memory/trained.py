"""The trained parameters, and the optimizer's states for them."""

from functools import lru_cache

from planner import layers
from planner.memory.facts import Sized
from planner.models import Architecture
from planner.profile import Profile

EIGHT_BIT_LEAST = 4096
"""Elements from which bitsandbytes quantises a tensor's states (`min_8bit_size`)."""
PAGED_LEAST = 100_000
"""Elements from which it pages them (`get_state_buffer`)."""
SCALE_BYTES = 2 * 4 / 256
"""Scales of both 8-bit states for each element: a float32 for each block of 256."""


def trained_parameters(model: Sized, profile: Profile) -> int:
    """Return how many parameters the optimizer holds."""
    if profile.method == "full":
        return stored_parameters(model, profile)
    each = _adapted_widths(model.architecture, profile.targets)
    return profile.rank * each


def stored_parameters(model: Sized, profile: Profile) -> int:
    """Return the model's parameters; a reward model has one output where the head was."""
    shape = model.architecture
    dropped = profile.objective == "reward" and not shape.tied
    return model.parameters - (shape.vocabulary * shape.hidden if dropped else 0)


def states(model: Sized, profile: Profile) -> tuple[int, int]:
    """Return the bytes of AdamW's two states, in torch's allocator and paged.

    torch's have the parameter's type. bitsandbytes has a byte and a scale for each state, but
    float32 for small tensors and, as transformers' trainer asks it to, for embeddings
    (`bitsandbytes/optim/optimizer.py`).
    """
    elements = trained_parameters(model, profile)
    if profile.optimizer not in ("adamw_8bit", "paged_adamw_8bit"):
        return 2 * elements * profile.adapter_width, 0
    small, medium, table = _kinds(model, profile)
    large = elements - small - medium - table
    scales = int(SCALE_BYTES * (medium + large))
    if profile.optimizer == "adamw_8bit":
        return 8 * (small + table) + 2 * (medium + large) + scales, 0
    return 8 * small + 2 * medium + scales, 8 * table + 2 * large


def _kinds(model: Sized, profile: Profile) -> tuple[int, int, int]:
    """Return the elements of tensors too small for 8 bits, too small for pages, and embeddings."""
    shape = model.architecture
    if profile.method == "full":
        blocks = layers.blocks(shape)
        weights = sum(b.count * (b.linear_elements + b.experts) for b in blocks)
        table = shape.vocabulary * shape.hidden
        head = 0 if shape.tied or profile.objective == "reward" else table
        return max(0, trained_parameters(model, profile) - weights - table - head), 0, table
    return *_adapter_kinds(shape, profile.targets, profile.rank), 0


@lru_cache(maxsize=4096)
def _adapter_kinds(shape: Architecture, targets: tuple[str, ...], rank: int) -> tuple[int, int]:
    small = medium = 0
    for block in layers.blocks(shape):
        for part in block.linears:
            for width in (part.inputs, part.outputs):
                size = rank * width * block.count * (part.name in targets)
                small += size if rank * width < EIGHT_BIT_LEAST else 0
                medium += size if EIGHT_BIT_LEAST <= rank * width < PAGED_LEAST else 0
    return small, medium


@lru_cache(maxsize=4096)
def _adapted_widths(shape: Architecture, targets: tuple[str, ...]) -> int:
    """Inputs and outputs of all adapted layers together: an adapter has `rank` times as many."""
    return sum(
        block.count * (part.inputs + part.outputs)
        for block in layers.blocks(shape)
        for part in block.linears
        if part.name in targets
    )
