"""ZeRO stage 2, by DeepSpeed: also chosen for one card that offloads."""

from planner.parallelism.engine import PlannedEngine

ENGINE = PlannedEngine(
    "ZeRO stage 2",
    zero_stage=2,
    shards="deepspeed",
    collectives=("all-reduce", "all-gather"),
    outside_bytes=2_200_000_000,
    for_one=True,
    for_several=True,
    runs=frozenset(["cpu", "cuda"]),
)
