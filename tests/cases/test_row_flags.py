"""Marks of turns that are not to be trained on: kept to, or refused by the mark's name."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cases import rows
from tests.cases.rows import Row, said, spoken
from tests.cases.seen import check_named, check_refused, check_scored, check_scored_or_refused, seen

WRONG = "WRONG: it costs one million."
GOOD = "It costs three euros."
END = "<|im_end|>"

Marks = tuple[dict[str, Any], dict[str, Any]]
"""The keys of the first answer, which is not to be learned, and of the second."""


def chat(thing: str, marks: Marks, turn: Callable[..., Row] = said) -> list[Row]:
    """Return a conversation whose first answer is wrong."""
    user, answers = ("user", "assistant") if turn is said else ("human", "gpt")
    return [
        turn(user, f"Price of the {thing}?"),
        turn(answers, WRONG, **marks[0]),
        turn(user, f"Really, for a {thing}?"),
        turn(answers, f"{GOOD} {thing}", **marks[1]),
    ]


LAST = f"{GOOD} {rows.FIRST}{END}"


# OpenAI and mistral-finetune; axolotl PR 1702; ms-swift 9029.
@pytest.mark.parametrize("marks", [
    ({"weight": 0}, {"weight": 1}),
    ({"weight": 0.0}, {"weight": 1.0}),
    ({"loss": False}, {"loss": True}),
    ({"train": False}, {"train": True}),
    ({"weight": 0}, {}),
], ids=["weight", "weight-float", "loss", "train", "only-one-weight"])  # fmt: skip
def test_a_documented_mark_is_kept_to(tmp_path: Path, base: Path, marks: Marks) -> None:
    rows.jsonl(tmp_path / "rows.jsonl", rows.made(lambda thing: {"messages": chat(thing, marks)}))
    check_scored_or_refused(seen(tmp_path, "rows.jsonl", base), next(iter(marks[0])), LAST)


@pytest.mark.parametrize("key", ["train", "weight", "loss"])
def test_a_mark_in_sharegpt_is_kept_to(tmp_path: Path, base: Path, key: str) -> None:
    marks = ({key: 0 if key == "weight" else False}, {key: 1 if key == "weight" else True})
    made = rows.made(lambda thing: {"conversations": chat(thing, marks, spoken)})
    rows.jsonl(tmp_path / "rows.jsonl", made)
    check_scored_or_refused(seen(tmp_path, "rows.jsonl", base), key, LAST)


# verl PR 5472 (`trainable`, then `loss_mask`); torchtune 2214 (`masked`); axolotl's
# `training_detail`; OpenAI accepts no other weights than 0 and 1; text of a spreadsheet.
@pytest.mark.parametrize("marks", [
    ({"trainable": False}, {"trainable": True}),
    ({"loss_mask": 0}, {"loss_mask": 1}),
    ({"masked": True}, {"masked": False}),
    ({"training_detail": [{"begin_offset": 0, "end_offset": len(WRONG), "train": False}]}, {}),
    ({"weight": 0.25}, {"weight": 1}),
    ({"weight": "0"}, {"weight": "1"}),
    ({"weight": -1}, {"weight": 1}),
    ({"train": "false"}, {"train": "true"}),
], ids=["trainable", "loss_mask", "masked", "training_detail", "quarter", "text", "negative",
        "text-false"])  # fmt: skip
def test_another_mark_is_kept_to_or_refused(tmp_path: Path, base: Path, marks: Marks) -> None:
    rows.jsonl(tmp_path / "rows.jsonl", rows.made(lambda thing: {"messages": chat(thing, marks)}))
    check_scored_or_refused(seen(tmp_path, "rows.jsonl", base), next(iter(marks[0])), LAST)


def test_a_mask_of_the_row_is_kept_to_or_refused(tmp_path: Path, base: Path) -> None:
    """LLaMA-Factory PR 9630: a list with a number for each message."""
    made = rows.made(lambda thing: {"messages": chat(thing, ({}, {})), "loss_mask": [0, 0, 0, 1]})
    rows.jsonl(tmp_path / "rows.jsonl", made)
    check_scored_or_refused(seen(tmp_path, "rows.jsonl", base), "loss_mask", LAST)


def test_a_weight_of_the_row_is_named(tmp_path: Path, base: Path) -> None:
    made = rows.made(lambda thing: rows.asked(thing) | {"weight": 0.3})
    rows.jsonl(tmp_path / "rows.jsonl", made)
    check_named(seen(tmp_path, "rows.jsonl", base), "weight")


def test_a_row_without_an_answer_to_learn_is_refused(tmp_path: Path, base: Path) -> None:
    marks = ({"weight": 0}, {"weight": 0})
    rows.jsonl(tmp_path / "rows.jsonl", rows.made(lambda thing: {"messages": chat(thing, marks)}))
    check_refused(seen(tmp_path, "rows.jsonl", base))


@pytest.mark.parametrize("marks", [
    ({"weight": None}, {"weight": None}),
    ({"loss": None}, {"loss": None}),
    ({"weight": 1}, {}),
    ({"train": True}, {"train": True}),
], ids=["weight-null", "loss-null", "weight-one", "train-true"])  # fmt: skip
def test_a_mark_that_says_nothing_changes_nothing(tmp_path: Path, base: Path, marks: Marks) -> None:
    """Parquet gives a null to each turn that has no mark; ms-swift 9029."""
    rows.jsonl(tmp_path / "rows.jsonl", rows.made(lambda thing: {"messages": chat(thing, marks)}))
    check_scored(seen(tmp_path, "rows.jsonl", base), f"{WRONG}{END}", LAST)
