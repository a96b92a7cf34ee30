"""Columns beside a prompt, an answer or turns: each is used, named or refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from planner.data.reading.formats import load_table
from planner.data.rows.rows import Message, Row
from tests.planner.data.format_rows import ANSWER, QUESTION, ROW, SAID, USER, one, problem, written

EARLIER = (Message("user", "Hi?"), Message("assistant", "Hello."))
BEFORE = Row((*EARLIER, *ROW.messages))
PAIRS = [["Hi?", "Hello."]]
LONG = "A text of more than five words that no turn has."


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [("prompt", "completion"), ("question", "answer"), ("query", "response"), ("input", "output"),
     ("prompt", "response"), ("prompt", "answer"), ("instruction", "response"),
     ("Question", "Answer"), ("problem", "solution"), ("user", "assistant")],
)  # fmt: skip
def test_the_columns_of_one_exchange(prompt: str, answer: str, tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", [{prompt: QUESTION, answer: ANSWER, "id": 7}])
    table = load_table(path)
    assert (table.format, table.rows) == ("prompt-completion", (ROW,))
    became = {key.path: key.became for key in table.keys}
    assert became == {prompt: "prompt", answer: "answer", "id": ""}


@pytest.mark.parametrize("name", ["response", "answer", "completion", "output"])
def test_alpaca_with_other_names(name: str, tmp_path: Path) -> None:
    values = {"instruction": "Solve.", "input": "1 + 1", name: "2"}
    table = load_table(written(tmp_path / "a.jsonl", [values]))
    assert table.format == "alpaca"
    other = {"Instruction": "Solve.", "Input": "1 + 1", name.title(): "2"}
    assert load_table(written(tmp_path / "b.jsonl", [other])).rows == table.rows
    assert table.rows[0].messages == (Message("user", "Solve.\n\n1 + 1"), Message("assistant", "2"))


@pytest.mark.parametrize(
    "values",
    [{"instruction": QUESTION, "input": "", "output": ANSWER},
     {"query": QUESTION, "response": ANSWER}, {"prompt": QUESTION, "completion": ANSWER}],
)  # fmt: skip
@pytest.mark.parametrize("history", [PAIRS, json.dumps(PAIRS), [
    {"role": "user", "content": "Hi?"}, {"role": "assistant", "content": "Hello."}]])  # fmt: skip
def test_history_comes_before_the_prompt(
    values: dict[str, Any], history: object, tmp_path: Path
) -> None:
    assert one(tmp_path, values | {"history": history}) == BEFORE
    assert one(tmp_path, values | {"History": history}) == BEFORE
    assert one(tmp_path, values | {"history": []}) == ROW
    with_system = one(tmp_path, values | {"history": history, "system": "Count."})
    assert with_system.messages == (Message("system", "Count."), *BEFORE.messages)


@pytest.mark.parametrize(
    "name", ["system", "system_prompt", "system_message", "system_instruction"]
)
def test_columns_with_the_system_message(name: str, tmp_path: Path) -> None:
    assert one(tmp_path, {"messages": [USER, SAID], name: "Count."}).system == "Count."
    for case in (name, name.title(), name.upper(), name.replace("_", " ")):
        assert one(tmp_path, {"question": "a", "answer": "b", case: "Count."}).system == "Count."
    parts = [{"type": "text", "text": "Count."}]
    assert one(tmp_path, {"messages": [USER, SAID], name: parts}).system == "Count."


@pytest.mark.parametrize("name", ["reasoning", "thinking", "reasoning_content"])
def test_reasoning_belongs_to_the_one_answer(name: str, tmp_path: Path) -> None:
    wanted = Message("assistant", ANSWER, '{"reasoning_content":"Add."}')
    for values in ({"question": QUESTION, "answer": ANSWER}, {"messages": [USER, SAID]}):
        row = one(tmp_path, values | {name: "Add."})
        assert row.messages == (ROW.messages[0], wanted)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"prompt": "a", "completion": "b", "history": "They met."}, "invalid JSON in `history`"),
    ({"prompt": "a", "completion": "b", "history": [["a"]]}, "no list of pairs of a prompt and an"),
    ({"messages": [USER, SAID], "history": PAIRS}, "`history`, which is not used at this place"),
    ({"messages": [USER, SAID] * 2, "reasoning": "Add."}, '`reasoning: "Add."`, which is for one'),
    ({"messages": [USER, SAID], "system": {"a": 1}}, "no text in `system`"),
    ({"messages": [USER, SAID], "documents": [{"text": "a"}]}, "`documents`, which changes how"),
    ({"messages": [USER, SAID], "chat_template_kwargs": {"a": 1}}, "`chat_template_kwargs`, which"),
    ({"messages": [USER, SAID | {"channel": "analysis"}]}, '`messages[].channel: "analysis"`'),
    ({"messages": [USER, SAID | {"prefix": True}]}, "`messages[].prefix: true`, which is not supp"),
]  # fmt: skip


@pytest.mark.parametrize(("values", "said"), REFUSED, ids=[said for _, said in REFUSED])
def test_what_changes_the_meaning_is_refused_by_name(
    values: dict[str, Any], said: str, tmp_path: Path
) -> None:
    assert said in problem(written(tmp_path / "a.jsonl", [values])).message


WARNED: list[dict[str, Any]] = [
    {"question": "a", "answer": "b", "context": "short"},
    {"instruction": "a", "response": "b", "context": LONG},
    {"messages": [USER, SAID], "notice": LONG},
    {"messages": [USER, SAID | {"translation": LONG}]},
    {"messages": [USER, SAID], "conversations": [{"from": "human", "value": "Another text."}]},
    {"messages": [{"role": "system", "content": "One."}, USER, SAID], "system": "Two."},
    {"instruction": "a", "output": "b", "text": LONG},
    {"prompt": "a", "completion": "b", "suffix": "c"},
]
NOTED: list[dict[str, Any]] = [
    {"messages": [USER, SAID], "id": 5},
    {"messages": [USER, SAID], "source": LONG},
    {"messages": [USER, SAID], "metadata": {"a": LONG}},
    {"messages": [USER | {"mood": "sad"}, SAID]},
    {"messages": [USER, SAID], "prompt": QUESTION},
    {"messages": [USER, SAID], "conversations": [{"from": "human", "value": QUESTION}]},
    {"messages": [USER | {"weight": 1}, SAID]},
    {"prompt": "a", "completion": "b", "tools": "hammer"},
]


@pytest.mark.parametrize("values", [*WARNED, *NOTED], ids=str)
def test_other_columns_are_in_the_account(values: dict[str, Any], tmp_path: Path) -> None:
    keys = load_table(written(tmp_path / "a.jsonl", [values] * 3)).keys
    (left,) = [key for key in keys if not key.became]
    assert (left.count, left.texts) == (3, 3 if values in WARNED else 0)


def test_values_that_say_nothing_are_not_counted(tmp_path: Path) -> None:
    empty: dict[str, Any] = {
        "a": None,
        "b": "",
        "c": [],
        "d": {},
        "e": "null",
        "weight": None,
        "history": "[]",
    }
    keys = load_table(written(tmp_path / "a.jsonl", [{"messages": [USER, SAID]} | empty])).keys
    assert [key.path for key in keys] == ["messages[].role", "messages[].content"]
