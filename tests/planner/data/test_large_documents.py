"""Files of JSON with one value that is larger than a row: documents are told from long rows."""

from pathlib import Path

import pytest

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Command
from planner.data.files.json_rows import CHUNK_BYTES
from planner.data.files.lines import MAX_ROW_BYTES
from planner.data.reading.formats import load_table

COLUMNS = "has a list for each of its columns, and not a list of rows."
ROW = "row 1 is longer than 16 MiB, the limit for a row."


@pytest.mark.parametrize(
    ("begun", "ended", "said"),
    [
        (
            '{"version": 1, "by": {"a": [2]},\n "data": [{"prompt": "a"}, {"prompt": "',
            '"}]}',
            "is one JSON object with rows in `data`, and not a list of rows.",
        ),
        ('{"prompt": ["a", "', '"], "completion": ["b", "c"]}', COLUMNS),
        ('{"prompt": {"0": "a", "1": "', '"}}', COLUMNS),
        ('{"messages": [{"role": "user", "content": "a"}, {"content": "', '"}]}', ROW),
        ('{"prompt": "', '"}', ROW),
        ('{"id": 1, "answer": {"text": "a", "more": "', '"}}', ROW),
    ],
    ids=["rows under a key", "columns", "columns of pandas", "turns", "text", "an object"],
)
def test_what_is_too_large_is_named(tmp_path: Path, begun: str, ended: str, said: str) -> None:
    path = tmp_path / "rows.json"
    path.write_text(begun + "x" * (MAX_ROW_BYTES + 2 * CHUNK_BYTES) + ended, "utf-8")
    with pytest.raises(UsageProblem) as caught:
        load_table(path)
    assert caught.value.message == f"`{path}` {said}"
    (fix,) = caught.value.fix
    assert isinstance(fix, Command)
    if "`data`" in said:
        out = tmp_path / "rows.rows.json"
        assert [*map(str, fix.values)][-3:] == [str(path), "data", str(out)]
