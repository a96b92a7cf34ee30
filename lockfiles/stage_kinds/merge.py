"""Merge: merges the adapter into the base model."""

from lockfiles.stage_kinds.kind import StageKind, kinds

KIND = StageKind(
    "merge",
    reads=kinds("train"),
    needs=(kinds("train"),),
    model="adapter",
    sent=True,
    answers=("results.merge",),
)
