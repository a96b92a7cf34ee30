"""Prepare: the base model, and the rows as token ids, compared with the lock."""

from lockfiles.stage_kinds.kind import StageKind

KIND = StageKind("prepare", untrained=())
