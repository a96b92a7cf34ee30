"""The table of an objective, where a lock may hold one of several."""

from typing import Annotated, Any, Literal, get_args

import pytest
from pydantic import Field, ValidationError

from lockfiles import refusal
from lockfiles.fields import Table
from lockfiles.objectives import NAMES
from lockfiles.objectives.objective import ObjectiveTable
from lockfiles.objectives.registry import OBJECTIVES


class _Plain(ObjectiveTable):
    name: Literal["plain"]


class _Preferences(ObjectiveTable):
    name: Literal["preferences"]
    beta: Annotated[float, Field(gt=0)]


class _Tables(Table):
    objective: Annotated[_Plain | _Preferences, Field(discriminator="name")]


@pytest.mark.parametrize(
    ("table", "key", "words"),
    [
        ({"name": "other"}, "objective.name", "is wrong: it must be one of `plain`, `preferences`"),
        ({}, "objective.name", "is missing"),
        ({"name": "plain", "beta": 0.1}, "objective.beta", "does not belong here"),
        ({"name": "plain", "bta": 1}, "objective.bta", "is an unknown key; the nearest known one"),
        ({"name": "preferences"}, "objective.beta", "is missing"),
        ({"name": "preferences", "beta": 0.0}, "objective.beta", "is wrong: it must be more"),
        ({"name": "preferences", "beta": 1.0, "plain": 1}, "objective.plain", "is an unknown key"),
        ("plain", "objective", "is wrong: it must be a table"),
    ],
)
def test_a_table_of_several_objectives_is_held_to_its_own_keys(
    table: Any, key: str, words: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        _Tables.model_validate({"objective": table})
    found = refusal.fault(caught.value, _Tables)
    assert found.key == found.place == key
    assert found.words.startswith(words)


def test_every_objective_has_a_table_that_bears_its_name() -> None:
    named = {
        name: get_args(table.model_fields["name"].annotation) for name, table in OBJECTIVES.items()
    }
    assert named == {name: (name,) for name in NAMES}
