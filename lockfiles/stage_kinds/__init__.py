"""The kinds of stages that a lock may hold: a closed table, since a lock may name no code.

A kind has a module of its name here, in `planner.pipeline`, in `runner.stage_kinds` and in
`runner.stages`. The order here is the order of stages in a lock.
"""

from importlib import import_module

from lockfiles.stage_kinds.kind import Settings, StageKind

_NAMES = (
    "prepare",
    "train",
    "evaluate",
    "merge",
    "gguf",
    "push",
    "report",
)
KINDS: dict[str, StageKind] = {
    name: import_module(f"lockfiles.stage_kinds.{name}").KIND for name in _NAMES
}

__all__ = ["KINDS", "Settings", "StageKind"]
