"""Data parallelism: chosen where each process has room for all of the model."""

from planner.parallelism.engine import PlannedEngine

ENGINE = PlannedEngine(
    "DDP",
    collectives=("all-reduce",),
    outside_bytes=1_690_000_000,
    for_several=True,
    runs=frozenset(["cpu", "cuda"]),
)
