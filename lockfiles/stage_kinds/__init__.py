"""The kinds of stages that a lock may hold: a closed table, since a lock may name no code.

A kind has a module of its name here, in `planner.pipeline`, in `runner.stage_kinds` and in
`runner.stages`. The order here is the order of stages in a lock.
"""

from lockfiles.stage_kinds import evaluate, gguf, merge, prepare, push, report, train
from lockfiles.stage_kinds.kind import Settings, StageKind

KINDS: dict[str, StageKind] = {
    module.KIND.name: module.KIND
    for module in (
        prepare,
        train,
        evaluate,
        merge,
        gguf,
        push,
        report,
    )
}

__all__ = ["KINDS", "Settings", "StageKind"]
