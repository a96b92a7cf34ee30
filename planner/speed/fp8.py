"""The work of products of the frozen base in FP8 (`runner/training/fp8.py`).

Their rate and what rounding takes are those of a step of an 8B on one H200 (`python -m
tests.gpu.fp8`): 0.132 s of products, and 0.020 s more in compiled kernels than in bfloat16.
"""

from planner.memory.fp8 import rounded
from planner.models.layers import Block, Linear
from planner.setup.setup import Profile
from planner.speed.work import Work

ROUNDED_BYTES = 3.6
"""Traffic of an element that is rounded in a compiled kernel, which reads it twice."""
UNCOMPILED_BYTES = 27
"""The same if the operations run one by one: conversion to float32, absolute values, the greatest
one, scaling, and conversion to FP8."""
LAUNCHES = 8
"""Operations of an uncompiled product, besides the product."""
MEASURED_CARDS = frozenset(["H200"])
"""Cards, by their names in the catalogue, on which FP8 products were measured."""


def products(profile: Profile, block: Block, *, backward: bool) -> Work:
    """Return the work of a layer's products in FP8, less that of the same in bfloat16."""
    parts = rounded(profile, block.linears)
    elements = sum(part.size for part in parts)
    flops = 2.0 * profile.tokens * elements
    compiled = profile.kernels == "compiled"
    widths = sum(part.outputs for part in parts) if backward else _read(parts, compiled)
    each = ROUNDED_BYTES if compiled else UNCOMPILED_BYTES
    turned = 2 * elements if backward else 0
    return Work(
        matrix_flops=-flops,
        fp8_flops=flops,
        traffic_bytes=each * profile.tokens * widths + turned - (profile.width - 1) * elements,
        launches=0 if compiled else LAUNCHES * len(parts),
    )


def _read(parts: tuple[Linear, ...], compiled: bool) -> int:
    """Return the widths of inputs: compiled layers round one that several products read once."""
    if not compiled:
        return sum(part.inputs for part in parts)
    return sum({(part.place, part.source): part.inputs for part in parts}.values())
