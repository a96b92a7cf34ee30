"""A lock's table of a model's shape has the fields of the planner's, with the same defaults."""

from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pytest

from lockfiles import lock
from lockfiles.errors import UsageProblem
from lockfiles.inputs import Architecture as Locked
from planner.catalogue.lookup import find_model
from planner.fit.families import families
from planner.models.architecture import Architecture, architecture, of_lock
from planner.models.facts import parameter_count
from planner.models.families import FAMILIES

LAST = Path(__file__).parents[2] / "lockfiles" / "old" / "last-of-revision-4.lock"
WRONG: list[Any] = [
    None, 0, -1, True, "x", "M" * 5000, [], {}, [1], ["full_attention"], 1 << 40, 1.5, 10**30,
]  # fmt: skip
"""Values of wrong types and sizes for a field of `config.json`."""

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


@pytest.mark.parametrize(
    ("family", "own"),
    [
        ("no_such", {}), ("llama", {"x": 1}), ("qwen3_5_text", {}),
        ("qwen3_5_text", {"layers": "zz"}), ("nemotron_h", {"layers": "mmm"}),
    ],
)  # fmt: skip
def test_a_lock_with_other_facts_than_its_family_has_is_refused(
    family: str, own: dict[str, int | str]
) -> None:
    model = lock.read(LAST).model
    shape = model.architecture.model_copy(update={"own": own})
    with pytest.raises(UsageProblem, match=family) as caught:
        of_lock(model.model_copy(update={"family": family, "architecture": shape}))
    assert caught.value.hint


def test_whatever_a_field_says_it_is_read_or_refused_in_a_sentence() -> None:
    tried = 0
    for one in families():
        found = find_model(one.example) if one.example and FAMILIES[one.name].read else None
        for field in {*(found.config if found else ()), "layer_types"} if found else ():
            assert found is not None
            for value in WRONG:
                tried += 1
                try:
                    parameter_count(architecture({**found.config, field: value}, "config.json"))
                except UsageProblem as problem:
                    assert problem.hint
    assert tried > 2000
