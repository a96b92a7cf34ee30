"""Train: in every plan."""

from planner.pipeline.kind import PlannedKind

KIND = PlannedKind(
    "the tuned weights",
    lambda _: [{}],
    tables=(
        "model", "template", "data", "fix", "stream", "objective", "method", "train",
        "parallel", "exactness", "packages",
    ),
)  # fmt: skip
