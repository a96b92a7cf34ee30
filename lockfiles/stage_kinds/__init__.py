"""The kinds of stages in a lock: a closed table, since a lock must not name code.

A kind has a module of the same name here, in `planner.pipeline`, in `runner.stage_kinds` and in
`runner.stages`. The order here is the order of stages in a lock. This module has the names alone,
so that the interview can ask the questions of each kind without loading the types of a lock.
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
