"""Data parallelism: chosen where each process has room for all of the model."""

from planner.parallelism.engine import PlannedEngine

ENGINE = PlannedEngine("DDP", for_several=True, runs=frozenset(["cpu", "cuda"]))
