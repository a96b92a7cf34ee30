"""The kinds of stages in a lock: a closed table, since a lock must not name code.

A kind has a module of the same name here, in `planner.pipeline`, in `runner.stage_kinds` and in
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
