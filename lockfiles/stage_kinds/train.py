"""Train: fine-tunes the model."""

from lockfiles.stage_kinds.kind import StageKind

KIND = StageKind("train", sent=True, spreads="engine")
"""`prepare` is not an input: the lock already has the digests of the prepared rows."""
