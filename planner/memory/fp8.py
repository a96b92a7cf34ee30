"""The memory of products of the frozen base in FP8 (`runner/training/fp8.py`), in bytes.

The layers under adapters have a byte for each parameter, a float32 scale for each output, and as
many ones as inputs for the product of the backward pass. That pass rounds the gradients of outputs,
and makes the transpose of one weight at a time.
"""

from collections.abc import Iterable

from planner.models import layers
from planner.models.facts import Architecture
from planner.models.layers import Block, Linear
from planner.setup.setup import Profile

UNIT = 16
"""Elements of which the widths of a matrix must be multiples (`torch._scaled_mm`)."""
ROUNDING_BYTES = 9
"""Of each element that is rounded uncompiled: itself and a product in float32, and the result."""


def is_rounded(inputs: int, outputs: int) -> bool:
    """Return whether a frozen layer of these widths is kept in FP8."""
    return inputs % UNIT == 0 and outputs % UNIT == 0


def rounded(profile: Profile, parts: Iterable[Linear]) -> tuple[Linear, ...]:
    """Return those of some linear layers whose products are in FP8; none in another plan."""
    if profile.base_products != "fp8":
        return ()
    return tuple(
        part for part in parts
        if part.name in profile.targets and is_rounded(part.inputs, part.outputs)
    )  # fmt: skip


def less(shape: Architecture, profile: Profile) -> int:
    """Return what the weights of a model need less in FP8."""
    return sum(
        block.count * ((profile.width - 1) * part.size - 4 * (part.inputs + part.outputs))
        for block in layers.blocks(shape)
        for part in rounded(profile, block.linears)
    )


def backward(profile: Profile, block: Block, *places: str) -> int:
    """Return what products of a layer's backward pass need in some of its places: all rounded
    gradients, since one kernel writes those of products that read the same, and a transpose."""
    parts = rounded(profile, (part for part in block.linears if part.place in places))
    transpose = max((part.size for part in parts), default=0)
    return profile.tokens * sum(part.outputs for part in parts) + transpose


def rounding(profile: Profile, block: Block) -> int:
    """Return what rounding the widest input needs where layers run uncompiled."""
    parts = rounded(profile, block.linears)
    return ROUNDING_BYTES * profile.tokens * max((part.inputs for part in parts), default=0)


def converting(shape: Architecture, profile: Profile) -> int:
    """Return what exists besides the loaded weights while the largest one is rounded."""
    blocks = layers.blocks(shape)
    every = [part.size for block in blocks for part in rounded(profile, block.linears)]
    return ROUNDING_BYTES * max(every, default=0)
