"""The objectives that a lock may hold: a closed table, since a lock may name no code.

An objective has a module of its name here, with the settings that a lock has of it, in
`planner.objectives` and in `runner.training`. This file imports nothing: `tunelock fit` reads it.
"""

NAMES = (
    "sft",
)  # fmt: skip
