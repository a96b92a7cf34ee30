"""What the run will produce."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lockfiles.harmless import joined
from planner.pipeline.kind import of_kind
from tui.terminal.units import size

if TYPE_CHECKING:
    from lockfiles.lock import Lock


def text(lock: "Lock", sizes: Mapping[str, int]) -> str:
    """Return the stages with their results, and the disk space that they need.

    `sizes` has the bytes of a GGUF file at each level.
    """
    lines = ["The run's stages:"]
    for stage in lock.stage:
        levels = stage.settings.get("levels")
        names = f": {', '.join(levels)}" if isinstance(levels, Sequence) and levels else ""
        lines.append(f"  {stage.id:<12}{of_kind(stage.kind).leaves}{names}")
    levels_sizes = " · ".join(f"{level} {size(count)}" for level, count in sizes.items())
    lines.append(f"Size of a GGUF file: {levels_sizes}")
    lines.append(f"Disk space for everything: {size(lock.prediction.disk_bytes)}")
    return joined(lines)
