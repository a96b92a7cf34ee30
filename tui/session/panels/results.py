"""What the run will produce."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lockfiles.harmless import joined
from lockfiles.stage_kinds import NAMES
from planner.pipeline.kind import Sizes, of_kind
from tui.terminal.units import size

if TYPE_CHECKING:
    from lockfiles.lock import Lock


def render(lock: "Lock") -> str:
    """Return the stages with their results, and the disk space that they and each file need."""
    lines = ["The run's stages:"]
    for stage in lock.stage:
        levels = stage.settings.get("levels")
        names = f": {', '.join(levels)}" if isinstance(levels, Sequence) and levels else ""
        lines.append(f"  {stage.id:<12}{of_kind(stage.kind).leaves}{names}")
    sizes = Sizes(lock.model.parameters, lock.model.dtype, trained_bytes=0)
    files = [item for kind in NAMES for item in of_kind(kind).file_bytes(sizes).items()]
    lines.append(f"Size of one file: {' · '.join(f'{what} {size(n)}' for what, n in files)}")
    lines.append(f"Disk space for everything: {size(lock.prediction.disk_bytes)}")
    return joined(lines)
