"""Every format, recognized row by row, becomes the same canonical rows."""

from pathlib import Path
from typing import Any

import pytest

from lockfiles.errors import UsageProblem
from planner.data.reading.formats import KINDS, load_table, recognize
from planner.data.rows.rows import Message, Row
from planner.interview.questions import QUESTIONS
from tests.planner.data.format_rows import (
    ANSWER,
    PAIR,
    QUESTION,
    ROW,
    SAID,
    USER,
    WRONG,
    problem,
    written,
)

SAME: list[tuple[str, dict[str, Any], Row]] = [
    ("messages", {"messages": [USER, SAID]}, ROW),
    ("messages", {"conversations": [USER, SAID]}, ROW),
    ("messages", {"conversation": [USER, SAID], "messages": None}, ROW),
    (
        "sharegpt",
        {"conversations": [{"from": "human", "value": QUESTION}, {"from": "gpt", "value": ANSWER}]},
        ROW,
    ),
    (
        "sharegpt",
        {"messages": [{"from": "user", "value": QUESTION}, {"from": "chatgpt", "value": ANSWER}]},
        ROW,
    ),
    ("alpaca", {"instruction": QUESTION, "output": ANSWER}, ROW),
    ("alpaca", {"instruction": QUESTION, "input": "", "output": ANSWER}, ROW),
    ("alpaca", {"instruction": QUESTION, "input": None, "output": ANSWER}, ROW),
    (
        "alpaca",
        {"instruction": "Solve.", "input": "1 + 1", "output": "2"},
        Row((Message("user", "Solve.\n\n1 + 1"), Message("assistant", "2"))),
    ),
    ("prompt-completion", {"prompt": QUESTION, "completion": ANSWER}, ROW),
    ("prompt-completion", {"prompt": [USER], "completion": [SAID]}, ROW),
    ("prompt-completion", {"prompt": [USER], "completion": ANSWER}, ROW),
    ("prompt-completion", {"prompt": QUESTION, "completion": ANSWER, "label": "sums"}, ROW),
    ("text", {"text": QUESTION}, Row((Message("text", QUESTION),))),
    ("preference", {"prompt": QUESTION, "chosen": ANSWER, "rejected": "#### 73"}, PAIR),
    ("preference", {"prompt": [USER], "chosen": [SAID], "rejected": [WRONG]}, PAIR),
    ("preference", {"prompt": [USER], "chosen": ANSWER, "rejected": "#### 73"}, PAIR),
    ("preference", {"chosen": [USER, SAID], "rejected": [USER, WRONG]}, PAIR),
    ("preference", {"prompt": "?", "chosen": [USER, SAID], "rejected": [USER, WRONG]}, PAIR),
    ("preference", {"prompt": QUESTION, "chosen": [SAID], "rejected": [WRONG]}, PAIR),
    ("preference", {"prompt": [USER], "chosen": [USER, SAID], "rejected": [USER, WRONG]}, PAIR),
    ("preference", {"question": "?", "chosen": [USER, SAID], "rejected": [USER, WRONG]}, PAIR),
    (
        "preference",
        {"chosen": "The sky is blue.", "rejected": "The sky is green."},
        Row((Message("text", "The sky is blue."),), (Message("text", "The sky is green."),)),
    ),
    (
        "feedback",
        {"prompt": QUESTION, "completion": ANSWER, "label": True},
        Row(ROW.messages, (), True),
    ),
    (
        "feedback",
        {"prompt": [USER], "completion": [SAID], "label": 0},
        Row(ROW.messages, (), False),
    ),
    (
        "feedback",
        {"prompt": QUESTION, "completion": ANSWER, "label": "False"},
        Row(ROW.messages, (), False),
    ),
]


@pytest.mark.parametrize(("name", "values", "row"), SAME)
def test_each_format_becomes_the_row(
    name: str, values: dict[str, Any], row: Row, tmp_path: Path
) -> None:
    table = load_table(written(tmp_path / "a.jsonl", [values]))
    assert (table.format, table.formats, table.rows) == (name, {name: 1}, (row,))


def test_the_question_offers_every_format() -> None:
    asked = next(question for question in QUESTIONS if question.key == "data.format")
    assert set(asked.choices) == {"auto", *KINDS}


UNKNOWN: list[dict[str, Any]] = [
    {"asked": "a", "told": "b"},
    {"question": "a", "answer": "b", "solution": "c"},
    {"question": "a", "answer": 5},
    {"prompt": "a"},
    {"text": 5},
    {"conversations": "a"},
    {"question": "a", "chosen": "b", "rejected": "c"},
    {"instruction": "a", "chosen": "b", "rejected": "c"},
    {},
]


@pytest.mark.parametrize("values", UNKNOWN)
def test_other_columns_are_no_format(values: dict[str, Any]) -> None:
    assert recognize(values) is None


def test_a_pair_whose_prompt_has_another_name_says_which_name_to_give_it(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", [{"question": "a", "chosen": "b", "rejected": "c"}])
    found = problem(path)
    assert "`question`, `chosen`, `rejected`, which match no format" in found.message
    assert found.hint == "rename the column with the prompt to `prompt`"


WRONG_ROWS: list[tuple[dict[str, Any], str]] = [
    ({"conversations": []}, "no list of turns in `conversations`"),
    ({"conversations": [{"from": ["gpt"], "value": "a"}]}, r"message 1 is from `\['gpt'\]`"),
    ({"conversations": [{"from": "gpt", "value": None}]}, "message 1 has no text in `value`"),
    ({"conversations": [{"from": "gpt"}]}, "message 1 has no text in `value`"),
    (
        {"conversations": [{"from": "function_call", "value": "sum(1)"}]},
        "invalid JSON in `value` of message 1: a value is missing",
    ),
    (
        {"conversations": [{"from": "function_call", "value": "[]"}]},
        "has a call without a `name` in `value` of message 1",
    ),
    ({"messages": [{"role": ["user"], "content": "a"}]}, "message 1 has the role"),
    ({"messages": [USER, {"role": "assistant"}]}, "message 2 has no text in `content`"),
    (
        {"messages": [{"role": "assistant", "content": None, "tool_calls": []}]},
        "message 1 has no text in `content`",
    ),
    (
        {"messages": [{"role": "assistant", "tool_calls": "sum"}]},
        "message 1 has no list in `tool_calls`",
    ),
    ({"messages": [USER], "tools": {"name": "sum"}}, "has no list in `tools`"),
    ({"messages": [USER], "tools": "sum"}, "invalid JSON in `tools`: a value is missing"),
    ({"prompt": "a", "chosen": "b", "rejected": 5}, "no text in `rejected`"),
    ({"prompt": "a", "chosen": [], "rejected": "b"}, "no list of turns in `chosen`"),
    ({"chosen": [USER, SAID], "rejected": [WRONG]}, "has no prompt, since .* begin differently"),
    ({"chosen": "a", "rejected": "b"}, "has no prompt, since .* begin differently"),
    ({"chosen": [USER, SAID], "rejected": "b"}, "has no prompt, since .* begin differently"),
]


@pytest.mark.parametrize(("values", "said"), WRONG_ROWS)
def test_a_wrong_row_is_named_with_what_it_lacks(
    values: dict[str, Any], said: str, tmp_path: Path
) -> None:
    good: dict[str, Any] = {"messages": [USER, SAID]}
    if "chosen" in values:
        good = {"prompt": "a", "chosen": "b", "rejected": "c"}
    with pytest.raises(UsageProblem, match=rf"line 2 .*{said}") as caught:
        load_table(written(tmp_path / "a.jsonl", [good, values]))
    assert caught.value.hint.startswith("sed -n 2p")
