"""Marks that say whether a turn counts in the loss, at turns and beside them."""

from pathlib import Path
from typing import Any

import pytest

from tests.planner.data.format_rows import ANSWER, PAIR, QUESTION, SAID, USER, one, problem, written

TURNS = [USER, SAID, USER, SAID]


def scored(path: Path, values: dict[str, Any]) -> list[bool]:
    """Return whether each answer of a row counts."""
    return [turn.scored for turn in one(path, values).messages if turn.role == "assistant"]


@pytest.mark.parametrize(
    "mark",
    [
        {"weight": 0}, {"weight": 0.0}, {"weight": False}, {"weight": "0"},
        {"train": False}, {"training": False}, {"trainable": False}, {"train_on_turn": False},
        {"loss": False}, {"loss": 0.0}, {"loss_mask": 0}, {"masked": True}, {"Train": "false"},
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("names", [("role", "content"), ("from", "value")])
def test_a_marked_answer_does_not_count(
    mark: dict[str, Any], names: tuple[str, str], tmp_path: Path
) -> None:
    role, content = names
    asked, said = {role: "user", content: "a"}, {role: "assistant", content: "b"}
    assert scored(tmp_path, {"messages": [asked, said | mark, asked, said]}) == [False, True]


@pytest.mark.parametrize(
    "mark",
    [{"weight": 1}, {"weight": None}, {"train": True}, {"loss": "true"}, {"masked": False}, {}],
    ids=str,
)
def test_other_answers_count(mark: dict[str, Any], tmp_path: Path) -> None:
    assert scored(tmp_path, {"messages": [USER, SAID | mark]}) == [True]


def test_the_row_is_the_same_with_and_without_marks_that_change_nothing(tmp_path: Path) -> None:
    marked = [USER | {"weight": 0}, SAID | {"weight": 1}]
    assert one(tmp_path, {"messages": marked}) == one(tmp_path, {"messages": [USER, SAID]})


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("loss_mask", [0, 0, 0, 1], [False, True]),
        ("train", [False, False, False, True], [False, True]),
        ("weights", [0, 1], [False, True]),
        ("masked", [True, True, True, False], [False, True]),
        ("weights", [None, 0, None, 1], [False, True]),
        ("loss_mask", "[0, 0, 0, 1]", [False, True]),
    ],
)
def test_marks_for_each_turn_of_a_row(
    name: str, value: object, wanted: list[bool], tmp_path: Path
) -> None:
    assert scored(tmp_path, {"messages": TURNS, name: value}) == wanted


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"messages": [USER, SAID | {"weight": 0.5}]}, "`messages[].weight: 0.5`, and only 0 and 1"),
    ({"messages": [USER, SAID | {"loss": "high"}]}, '`messages[].loss: "high"`, and only 0 and 1'),
    ({"messages": [USER | {"train": True}, SAID]}, "`messages[].train: true`, but only an assist"),
    ({"messages": [USER, SAID | {"weight": 0, "train": True}]}, "`weight` and `train`, which"),
    ({"messages": [USER, SAID | {"train_detail": [{"end_offset": 3}]}]}, "`messages[].train_deta"),
    ({"messages": TURNS, "loss_mask": [0, 1, 1]}, "`loss_mask`, and only a 0 or 1 for each turn"),
    ({"messages": TURNS, "loss_mask": [1, 1, 0, 0]}, "`loss_mask`, but only an assistant's turns"),
    ({"messages": TURNS, "weight": 0.3}, "`weight: 0.3`, and only 1 is supported here"),
    ({"messages": TURNS, "sample_weight": "2"}, '`sample_weight: "2"`, and only 1 is supported'),
    ({"prompt": "a", "completion": "b", "loss_scale": 0}, "`loss_scale: 0`, and only 1 is suppo"),
    ({"question": "a", "answer": "b", "train": False}, "`train: false`, which is not supported"),
    ({"instruction": "a", "output": "b", "train_on_inputs": True}, "`train_on_inputs: tr"),
    ({"conversations": TURNS, "mask": "assistant"}, "which says what to train on"),
    ({"messages": TURNS, "label": False}, "`label: false`, which marks a bad answer"),
    ({"messages": TURNS, "kto_tag": "False"}, "which marks a bad answer"),
    ({"messages": TURNS, "rejected_response": "No."}, "which is for preference training"),
]  # fmt: skip


@pytest.mark.parametrize(("values", "said"), REFUSED, ids=[said for _, said in REFUSED])
def test_marks_that_cannot_be_kept_are_refused_by_name(
    values: dict[str, Any], said: str, tmp_path: Path
) -> None:
    found = problem(written(tmp_path / "a.jsonl", [values]))
    assert said in found.message and "sed -n 1p" in found.hint


@pytest.mark.parametrize("more", [{"weight": 1.0}, {"train": True}, {"sample_weight": None}])
def test_weights_that_change_nothing_are_no_reason_to_refuse(
    more: dict[str, Any], tmp_path: Path
) -> None:
    pair = {"prompt": QUESTION, "completion": ANSWER}
    assert one(tmp_path, pair | more).messages == PAIR.messages


def test_nemo_masks_the_user_whose_turns_never_count(tmp_path: Path) -> None:
    turns = [{"from": "User", "value": QUESTION}, {"from": "Assistant", "value": ANSWER}]
    assert one(tmp_path, {"conversations": turns, "mask": "User"}).messages == PAIR.messages
