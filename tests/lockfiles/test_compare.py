"""Differences between locks, and what each changes."""

from typing import get_args

import pytest

from lockfiles.compare import Consequence, Difference, consequence, differences
from lockfiles.lock import Environment, ExportLock, TrainingLock, field_names
from lockfiles.tables import ORDER
from tests.lockfiles.samples import LOCK


def test_equal_locks_do_not_differ() -> None:
    assert differences(LOCK, LOCK) == ()


def test_each_difference_names_field_values_and_consequence() -> None:
    changed = LOCK.model_copy(
        update={
            "train": LOCK.train.model_copy(update={"learning_rate": 1e-4}),
            "machine": LOCK.machine.model_copy(update={"count": 1}),
            "stage": [*LOCK.stage[:3], LOCK.stage[4]],
        }
    )
    assert differences(LOCK, changed) == (
        Difference("train.learning_rate", 2e-4, 1e-4, "changes weights"),
        Difference("machine.count", 0, 1, "changes speed"),
        Difference("stage.gguf.id", "gguf", None, "changes exports"),
        Difference("stage.gguf.kind", "gguf", None, "changes exports"),
        *(
            Difference(f"stage.gguf.inputs.{at}", name, None, "changes exports")
            for at, name in enumerate(LOCK.stage[3].inputs)
        ),
        Difference("stage.gguf.settings.levels.0", "q8_0", None, "changes exports"),
        Difference("stage.gguf.settings.rows", "", None, "changes exports"),
        Difference("stage.gguf.settings.samples", 0, None, "changes exports"),
    )


def test_every_field_of_a_lock_has_a_consequence_that_somebody_chose() -> None:
    tables = TrainingLock.model_fields.keys() | ExportLock.model_fields.keys()
    assert {field.partition(".")[0] for field in field_names()} == tables == set(ORDER)
    assert {consequence(field) for field in field_names()} == set(get_args(Consequence))


@pytest.mark.parametrize("field", ["surprise", "surprise.rank", ""])
def test_a_table_without_a_consequence_is_no_information(field: str) -> None:
    with pytest.raises(LookupError):
        consequence(field)


def test_a_variable_that_a_lock_sets_is_a_difference() -> None:
    one = LOCK.exactness.model_copy(
        update={"environment": Environment(PYTORCH_ALLOC_CONF="expandable_segments:True")}
    )
    assert differences(LOCK, LOCK.model_copy(update={"exactness": one})) == (
        Difference(
            "exactness.environment.PYTORCH_ALLOC_CONF",
            None,
            "expandable_segments:True",
            "changes speed",
        ),
    )


def test_a_sign_of_zero_is_shown() -> None:
    other = LOCK.model_copy(
        update={"prediction": LOCK.prediction.model_copy(update={"cost": -0.0})}
    )
    assert [one.field for one in differences(LOCK, other)] == ["prediction.cost"]
