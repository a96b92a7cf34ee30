"""The kinds of stages that a lock may hold: a closed table, since a lock may name no code.

A kind has a module of its name here, in `planner.pipeline`, in `runner.stage_kinds` and in
`runner.stages`. The order here is the order of stages in a lock. This module has only the
names, so that the interview can ask the questions of each kind without the types of a lock.
"""

NAMES: tuple[str, ...] = (
    "prepare",
    "train",
    "evaluate",
    "merge",
    "gguf",
    "push",
    "report",
)
