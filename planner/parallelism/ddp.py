"""Data parallelism: chosen where each process has room for all of the model."""

from planner.parallelism.engine import PlannedEngine

ALONE_ELEMENTS = 1 << 20
"""Elements from which a gradient is exchanged where it is; smaller ones are copied together."""
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
