"""ZeRO stage 1, by DeepSpeed."""

from planner.parallelism.engine import PlannedEngine

ENGINE = PlannedEngine(
    "ZeRO stage 1",
    zero_stage=1,
    shards="deepspeed",
    collectives=("all-reduce", "all-gather"),
    outside_bytes=2_200_000_000,
    for_several=True,
    runs=frozenset(["cpu", "cuda"]),
)
