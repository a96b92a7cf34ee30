"""Prepare: in every plan."""

from planner.pipeline.kind import PlannedKind

KIND = PlannedKind(
    "the rows as tokens",
    tables=("template", "data", "fix", "stream"),
    untrained_tables=("model",),
)
