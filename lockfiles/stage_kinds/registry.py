"""What a lock must know of each kind of stage."""

from importlib import import_module

from lockfiles.stage_kinds import NAMES
from lockfiles.stage_kinds.kind import StageKind

KINDS: dict[str, StageKind] = {
    name: import_module(f"lockfiles.stage_kinds.{name}").KIND for name in NAMES
}
