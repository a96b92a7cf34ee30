"""Real rows in the formats that tests of reading need, and how they are written."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from lockfiles.errors import UsageProblem
from planner.data.reading.formats import load_table
from planner.data.rows.rows import Message, Row

SAMPLES = Path(__file__).parents[2] / "data"
ASKED = [json.loads(line) for line in (SAMPLES / "gsm8k.jsonl").read_text("utf-8").splitlines()]
QUESTION, ANSWER = ASKED[0]["question"], ASKED[0]["answer"]
USER, SAID = {"role": "user", "content": QUESTION}, {"role": "assistant", "content": ANSWER}
WRONG = {"role": "assistant", "content": "#### 73"}
ROW = Row((Message("user", QUESTION), Message("assistant", ANSWER)))
PAIR = Row(ROW.messages, (ROW.messages[0], Message("assistant", "#### 73")))
CALL = {"type": "function", "function": {"name": "sum", "arguments": {"b": 24, "a": 48}}}
CALL_JSON = '{"type":"function","function":{"name":"sum","arguments":{"b":24,"a":48}}}'


def written(path: Path, rows: Iterable[object]) -> Path:
    """Write JSONL."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def one(tmp_path: Path, values: dict[str, Any]) -> Row:
    """Return the row that these values become."""
    return load_table(written(tmp_path / "a.jsonl", [values])).rows[0]


def problem(path: Path) -> UsageProblem:
    """Return what is wrong with a file."""
    with pytest.raises(UsageProblem) as caught:
        load_table(path)
    assert caught.value.hint
    return caught.value
