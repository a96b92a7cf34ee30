"""What assistants call, what comes back, and what else templates read of a turn."""

import json
from pathlib import Path

import pytest

from planner.data.reading.formats import load_table
from planner.data.rows.rows import Message, canonical_json
from tests.planner.data.format_rows import (
    ANSWER,
    CALL,
    CALL_JSON,
    QUESTION,
    ROW,
    SAID,
    USER,
    one,
    written,
)


def test_calls_and_their_results_are_kept_in_their_order(tmp_path: Path) -> None:
    turns = [
        USER,
        {"role": "assistant", "content": None, "tool_calls": [CALL], "reasoning_content": "Add."},
        {"role": "tool", "tool_call_id": "1", "name": "sum", "content": "72", "seconds": 3},
        SAID | {"name": None, "tool_calls": []},
    ]
    row = one(tmp_path, {"messages": turns, "tools": [{"name": "sum", "doc": "Adds."}]})
    assert row.messages == (
        Message("user", QUESTION),
        Message("assistant", "", f'{{"reasoning_content":"Add.","tool_calls":[{CALL_JSON}]}}'),
        Message("tool", "72", '{"name":"sum","tool_call_id":"1"}'),
        Message("assistant", ANSWER),
    )
    assert row.tools == '[{"type":"function","function":{"name":"sum","doc":"Adds."}}]'
    again = json.loads(canonical_json(row))
    assert list(again) == ["messages", "tools"]
    assert again["messages"][1] == turns[1] | {"content": ""}
    assert canonical_json(row).find(CALL_JSON.encode()) > 0
    other = one(
        tmp_path, {"messages": turns, "tools": json.dumps([{"name": "sum", "doc": "Adds."}])}
    )
    assert other == row


def test_calls_of_sharegpt_are_those_of_messages(tmp_path: Path) -> None:
    turns = [
        {"from": "human", "value": QUESTION},
        {"from": "function_call", "value": json.dumps(CALL["function"])},
        {"from": "observation", "value": "72"},
        {"from": "gpt", "value": ANSWER},
    ]
    row = one(tmp_path, {"conversations": turns})
    assert [message.role for message in row.messages] == ["user", "assistant", "tool", "assistant"]
    assert row.messages[1] == Message("assistant", "", f'{{"tool_calls":[{CALL_JSON}]}}')
    assert row.messages[2] == Message("tool", "72")


def test_tools_beside_texts_are_another_thing(tmp_path: Path) -> None:
    assert one(tmp_path, {"prompt": QUESTION, "completion": ANSWER, "tools": "hammer"}) == ROW


def test_parquet_rows_are_those_of_the_lines_that_it_was_made_of(tmp_path: Path) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    calling = {"role": "assistant", "content": "Wait.", "tool_calls": [CALL]}
    rows = [
        {"messages": [USER, calling, {"role": "tool", "content": "72"}, SAID]},
        {"messages": [USER, SAID]},
    ]
    lines = load_table(written(tmp_path / "a.jsonl", rows))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    table = load_table(tmp_path / "a.parquet")
    assert table.rows == lines.rows and table.rows[0].messages[1].more
