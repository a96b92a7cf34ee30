"""A lock's table of a model's shape has the fields of the planner's, with the same defaults."""

from dataclasses import MISSING, fields

from lockfiles.inputs import Architecture as Locked
from planner.models.architecture import Architecture

ELSEWHERE = {"family", "context"}
"""Fields that stand in `[model]` itself."""
EMPTY: dict[str, object] = {"own": ()}
"""Defaults that a lock writes otherwise: a table there, hashable pairs here."""


def test_both_have_the_same_fields_and_defaults() -> None:
    ours = {one.name: one for one in fields(Architecture) if one.name not in ELSEWHERE}
    assert ours.keys() == Locked.model_fields.keys()
    for name, field in Locked.model_fields.items():
        default = None if ours[name].default is MISSING else ours[name].default
        stated = EMPTY.get(name, None if field.is_required() else field.default)
        assert stated == default, name
