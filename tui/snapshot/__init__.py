"""The snapshot of a run: a frozen value, folded from its events.

Everything that shows a run (dashboard, progress lines, `tunelock status`) is a function of it.
"""

from tui.snapshot.facts import (
    CURVE_POINTS,
    Artifact,
    Curve,
    Failure,
    Progress,
    Sample,
    Snapshot,
    Stage,
    StageState,
    empty,
)
from tui.snapshot.fold import RUN, fold

__all__ = [
    "CURVE_POINTS",
    "RUN",
    "Artifact",
    "Curve",
    "Failure",
    "Progress",
    "Sample",
    "Snapshot",
    "Stage",
    "StageState",
    "empty",
    "fold",
]
