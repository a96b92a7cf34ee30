"""ZeRO stage 3, by DeepSpeed: also chosen for one card that offloads."""

from planner.parallelism.engine import PlannedEngine

ENGINE = PlannedEngine(
    "ZeRO stage 3",
    zero_stage=3,
    shards="deepspeed",
    collectives=("all-gather", "reduce-scatter"),
    outside_bytes=1_910_000_000,
    live=1_000_000_000,
    prefetched=50_000_000,
    whole=1_000_000_000,
    group=1_000_000_000,
    compiles=False,
    for_one=True,
    for_several=True,
    runs=frozenset(["cpu", "cuda"]),
)
