"""Prepare: tokenizes the rows and compares them with the lock."""

from lockfiles.stage_kinds.kind import StageKind

KIND = StageKind("prepare", untrained=())
