"""Merge: a model folder without an adapter."""

from lockfiles.stage_kinds.kind import StageKind, kinds

KIND = StageKind(
    "merge",
    reads=kinds("train"),
    needs=(kinds("train"),),
    model="adapter",
    answers=("results.merge",),
)
