"""The objectives that a lock may hold: a closed table, since a lock may name no code.

An objective has a module of its name here, with the settings that a lock has of it, in
`planner.objectives` and in `runner.training`. This module has only the names, so that `tunelock
fit` and the interview know them without the types of a lock.
"""

NAMES: tuple[str, ...] = (
    "sft",
)  # fmt: skip
