"""Report: writes the report page and the receipt of a run."""

from lockfiles.stage_kinds.kind import StageKind

KIND = StageKind("report", untrained=(), reads_all=True)
