"""Turns that a column holds as text."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from planner.data.reading.formats import load_table
from tests.planner.data.format_rows import (
    ANSWER,
    PAIR,
    QUESTION,
    ROW,
    SAID,
    USER,
    WRONG,
    one,
    problem,
    written,
)

SHAREGPT = [{"from": "human", "value": QUESTION}, {"from": "gpt", "value": ANSWER}]


@pytest.mark.parametrize(
    ("values", "format_"),
    [
        ({"messages": json.dumps([USER, SAID])}, "messages"),
        ({"conversations": json.dumps(SHAREGPT)}, "sharegpt"),
        ({"conversation": f"\n {json.dumps([USER, SAID])}"}, "messages"),
        ({"prompt": json.dumps([USER]), "completion": json.dumps([SAID])}, "prompt-completion"),
        ({"messages": {"role": ["user", "assistant"], "content": [QUESTION, ANSWER]}}, "messages"),
        ({"dialog": [USER, SAID]}, "messages"),
        ({"turns": SHAREGPT}, "sharegpt"),
        ({"Messages": [{"Role": "User", "Content": QUESTION}, SAID]}, "messages"),
        ({"Conversations": json.dumps(SHAREGPT)}, "sharegpt"),
        ({"messages": [json.dumps(USER), json.dumps(SAID)]}, "messages"),
    ],
)
def test_text_of_turns(values: dict[str, Any], format_: str, tmp_path: Path) -> None:
    table = load_table(written(tmp_path / "a.jsonl", [values]))
    assert (table.format, table.rows) == (format_, (ROW,))


def test_text_of_turns_in_csv(tmp_path: Path) -> None:
    with (tmp_path / "a.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "messages"])
        writer.writerow(["1", json.dumps([USER, SAID])])
        writer.writerow(["2", json.dumps([USER, SAID])])
    assert load_table(tmp_path / "a.csv").rows == (ROW, ROW)


def test_text_of_both_answers(tmp_path: Path) -> None:
    pair = {"chosen": json.dumps([USER, SAID]), "rejected": json.dumps([USER, WRONG])}
    assert one(tmp_path, pair) == PAIR


@pytest.mark.parametrize("answer", ['[{"a": 1}]', "[1, 2]", "[INST] a", '{"role": "user"}', "[{",
                                    '[{"type": "text", "text": "a"}]'])  # fmt: skip
def test_an_answer_that_looks_like_json_stays_text(answer: str, tmp_path: Path) -> None:
    row = one(tmp_path, {"prompt": "List them.", "completion": answer})
    assert row.messages[1].content == answer


def test_text_that_is_not_json_is_named(tmp_path: Path) -> None:
    python = problem(written(tmp_path / "a.jsonl", [{"messages": str([USER, SAID])}]))
    assert "has text in `messages` that is not JSON" in python.message
    assert "`json.dumps`" in python.hint and "Python's notation" in python.hint
    cut = problem(written(tmp_path / "a.jsonl", [{"conversations": '[{"from": "human"'}]))
    assert "has text in `conversations` that is not JSON" in cut.message
