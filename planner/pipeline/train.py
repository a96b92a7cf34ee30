"""Train: in every plan."""

from collections.abc import Mapping
from typing import Any

from planner.pipeline.kind import PlannedKind, Sizes

_KEPT_CHECKPOINTS = 3
"""The last two, and a third while the newest is being written."""


def _disk_bytes(sizes: Sizes, settings: Mapping[str, Any]) -> int:
    """Return the bytes of the checkpoints and of the trained weights.

    A checkpoint holds the weights and two values of the optimizer for each.
    """
    return (3 * _KEPT_CHECKPOINTS + 1) * sizes.trained_bytes


KIND = PlannedKind(
    "the tuned weights",
    tables=(
        "model", "template", "data", "fix", "stream", "objective", "method", "train",
        "parallel", "exactness", "packages",
    ),
    reads_test=False,
    disk_bytes=_disk_bytes,
)  # fmt: skip
