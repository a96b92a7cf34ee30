"""Train: in every plan."""

from collections.abc import Mapping
from typing import Any

from planner.pipeline.kind import PlannedKind, Sizes

_KEPT_CHECKPOINTS = 3
"""The last two, and a third while the newest is being written."""


def _disk_bytes(sizes: Sizes, settings: Mapping[str, Any]) -> int:
    """Return the bytes of the checkpoints and of the trained weights."""
    checkpoint = sizes.checkpoint_bytes or 3 * sizes.trained_bytes
    return _KEPT_CHECKPOINTS * checkpoint + sizes.trained_bytes


KIND = PlannedKind(
    "the tuned weights",
    tables=(
        "model", "template", "data", "fix", "stream", "objective", "method", "train",
        "parallel", "exactness", "packages",
    ),
    reads_test=False,
    disk_bytes=_disk_bytes,
)  # fmt: skip
