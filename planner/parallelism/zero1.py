"""ZeRO stage 1, by DeepSpeed."""

from planner.parallelism.engine import PlannedEngine

ENGINE = PlannedEngine(
    "ZeRO stage 1",
    zero_stage=1,
    shards="deepspeed",
    for_several=True,
    runs=frozenset(["cpu", "cuda"]),
)
