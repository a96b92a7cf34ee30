"""Report: in every plan."""

from planner.pipeline.kind import PlannedKind

KIND = PlannedKind("report.html and receipt.json", reads_neutral=True)
