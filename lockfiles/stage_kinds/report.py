"""Report: the page and the receipt of a run."""

from lockfiles.stage_kinds.kind import StageKind, kinds

KIND = StageKind(
    "report",
    reads=kinds("prepare", "train", "evaluate", "merge", "gguf", "push"),
    reads_all=True,
)
