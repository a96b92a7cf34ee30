"""Merge: of an adapter, where `results.merge` asks for it."""

from planner.pipeline.kind import PlannedKind, Settings, Wanted


def _settings(wanted: Wanted) -> list[Settings]:
    return [{}] if wanted.adapter and wanted.answers.flag("results.merge") else []


KIND = PlannedKind("a model folder without an adapter", _settings)
