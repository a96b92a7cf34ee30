"""Differences between locks, and what each changes."""

from lockfiles.compare import Difference, differences
from tests.lockfiles.samples import LOCK


def test_equal_locks_do_not_differ() -> None:
    assert differences(LOCK, LOCK) == ()


def test_each_difference_names_field_values_and_consequence() -> None:
    changed = LOCK.model_copy(
        update={
            "train": LOCK.train.model_copy(update={"learning_rate": 1e-4}),
            "machine": LOCK.machine.model_copy(update={"count": 1}),
            "stage": LOCK.stage[:1],
        }
    )
    assert differences(LOCK, changed) == (
        Difference("train.learning_rate", 2e-4, 1e-4, "changes weights"),
        Difference("machine.count", 0, 1, "changes speed"),
        Difference("stage.1.name", "gguf", None, "changes exports"),
        Difference("stage.1.settings.levels.0", "q8_0", None, "changes exports"),
    )
