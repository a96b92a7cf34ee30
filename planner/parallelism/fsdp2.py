"""FSDP2, by torch: shares what ZeRO stage 3 does, layer by layer."""

from planner.parallelism.engine import PlannedEngine

ENGINE = PlannedEngine(
    "FSDP2",
    zero_stage=3,
    shards="fsdp2",
    collectives=("all-gather", "reduce-scatter"),
    outside_bytes=1_690_000_000,
    spare=0.1,
    for_several=True,
    runs=frozenset(["cpu", "cuda"]),
)
