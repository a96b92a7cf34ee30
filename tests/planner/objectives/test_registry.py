"""The records of objectives, and the question that chooses among those of a lock."""

import pytest

from lockfiles.errors import UsageProblem
from lockfiles.objectives import NAMES
from planner.interview.answers import check, given
from planner.objectives.registry import EVERY, objective_of, title_of

NEEDED = {"data.train": "train.jsonl", "model.source": "base"}
KEY = "method.objective"


def test_the_only_objective_may_be_named() -> None:
    answers = check(NEEDED | {KEY: NAMES[0]}, {KEY: 9})
    assert answers.text(KEY) == NAMES[0]
    assert KEY.partition(".")[0] not in given(answers)


@pytest.mark.parametrize("name", [name for name in EVERY if name not in NAMES])
def test_an_objective_that_no_lock_holds_is_refused(name: str) -> None:
    with pytest.raises(UsageProblem) as caught:
        check(NEEDED | {KEY: name}, {KEY: 9})
    assert f"`{KEY}` on line 9 of `run.toml` must be one of" in caught.value.message
    assert not objective_of(name).plannable


@pytest.mark.parametrize(
    ("name", "method", "second"),
    [
        ("sft", "full", False),
        ("dpo", "full", True),
        ("dpo", "lora", False),
        ("reward", "full", False),
    ],
)
def test_a_second_model_is_kept_where_no_adapter_can_be_switched_off(
    name: str, method: str, second: bool
) -> None:
    assert objective_of(name).second_model(method) is second


@pytest.mark.parametrize("name", ["registry", "objective", "os", "a.b", "", "a\nb"])
def test_a_name_that_is_no_objective_imports_nothing(name: str) -> None:
    with pytest.raises(LookupError):
        objective_of(name)
    assert title_of(name) == name
