"""One process."""

from planner.parallelism.engine import PlannedEngine

ENGINE = PlannedEngine("one card", for_one=True, runs=frozenset(["cpu", "cuda"]))
