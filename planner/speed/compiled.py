"""The elementwise operations of layers that torch compiles.

A chain of operations is one kernel, which reads its inputs and writes its outputs once. Counted in
the kernels of a compiled layer of Llama and of Qwen (`TORCH_LOGS=output_code`).
"""

from collections.abc import Iterator

from planner.models.facts import Architecture
from planner.models.layers import Block
from planner.setup.setup import Profile
from planner.speed.parts import Part


def compiled_parts(shape: Architecture, profile: Profile, block: Block) -> Iterator[Part]:
    """Yield the operations of one compiled layer of a dense block, adapters included."""
    norms = len(block.norms) if block.norms is not None else shape.norms_per_layer
    heads = block.attention or shape
    q, kv = heads.heads * heads.head_dim, heads.kv_heads * heads.head_dim
    yield Part(norms * shape.hidden, 8, 22, 2 * norms, 3 * norms)  # with the residual stream
    yield Part(q + kv, 6 * (1 + heads.qk_norm), 10 * (1 + heads.qk_norm), 2, 2)  # rotary positions
    yield Part(0, 0, 0, 1, 3)  # attention
    yield Part(block.mlp, 6, 14, 1, 2)
    adapted = [part for part in block.linears if part.name in profile.targets]
    inputs, outputs = sum(p.inputs for p in adapted), sum(p.outputs for p in adapted)
    mask = 5 * (profile.dropped > 0)
    yield Part(inputs, 2 + mask, 8 + mask, 2 * len(adapted), 5 * len(adapted))
    yield Part(outputs, 6, 4, 0, 0)
