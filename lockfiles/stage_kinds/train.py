"""Train: the tuned weights."""

from lockfiles.stage_kinds.kind import StageKind

KIND = StageKind("train", spreads=True)
"""The prepared rows are those of the lock's digests, so their stage is no input."""
