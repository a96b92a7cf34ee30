"""Data parallelism: chosen where each process has room for all of the model."""

from planner.parallelism.engine import PlannedEngine

COPIED_ELEMENTS = 1 << 20
"""Elements from which a gradient is exchanged where it is; smaller ones are copied together."""
LAUNCHED_ELEMENTS = 1 << 26
"""Elements of larger gradients that travel together, unless one alone has more. Two H200s exchange
those of a 1.5B in bfloat16 in 20.0 ms one by one, in 10.9 ms so, and in 10.6 ms four times as many
together (`python -m tests.gpu.several.exchanges`)."""
TRAVELING_ELEMENTS = 1 << 26
"""Elements whose copies may be under way at the same time."""
BUCKET_ELEMENTS = TRAVELING_ELEMENTS // 4
"""Elements of smaller gradients that travel together."""

ENGINE = PlannedEngine(
    "DDP",
    collectives=("all-reduce",),
    outside_bytes=1_690_000_000,
    for_several=True,
    runs=frozenset(["cpu", "cuda"]),
)
