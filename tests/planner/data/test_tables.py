"""Files of several formats, and folders of files."""

from itertools import islice
from pathlib import Path

import pytest

from lockfiles.errors import UsageProblem
from planner.data.reading.formats import load_table, rows_of
from planner.data.rows.rows import Message, Row, rows_sha256
from tests.planner.data.format_rows import ANSWER, QUESTION, ROW, SAID, USER, problem, written


def test_the_system_turn_is_the_rows_own_then_its_column_then_the_given_one(tmp_path: Path) -> None:
    own = {"role": "system", "content": "Own."}
    rows = [
        {"messages": [own, USER, SAID], "system": "Column."},
        {"messages": [USER, SAID], "system": "Column."},
        {"messages": [USER, SAID], "system": ""},
        {"prompt": QUESTION, "completion": ANSWER},
    ]
    table = load_table(written(tmp_path / "a.jsonl", rows), system="Given.")
    assert [row.system for row in table.rows] == ["Own.", "Column.", "Given.", "Given."]
    pairs = written(tmp_path / "b.jsonl", [{"prompt": "a", "chosen": "b", "rejected": "c"}])
    pair = load_table(pairs, system="Given.").rows[0]
    assert pair.messages[0] == pair.rejected[0] == Message("system", "Given.")
    plain = load_table(written(tmp_path / "c.jsonl", [{"text": "a"}]), system="Given.").rows[0]
    assert plain == Row((Message("text", "a"),))


def test_a_file_of_several_formats_of_one_kind_is_read_row_by_row(tmp_path: Path) -> None:
    turns = {"messages": [USER, SAID]}
    rows = [turns, {"instruction": QUESTION, "output": ANSWER}, turns]
    table = load_table(written(tmp_path / "a.jsonl", rows))
    assert table.format == "mixed" and table.kind == "conversation"
    assert list(table.formats.items()) == [("messages", 2), ("alpaca", 1)]
    assert table.rows == (ROW,) * 3


def test_rows_of_two_kinds_are_one_error_that_names_both(tmp_path: Path) -> None:
    rows = [{"messages": [USER, SAID]}] * 3 + [{"text": "a"}]
    found = problem(written(tmp_path / "a.jsonl", rows))
    assert found.message == (
        f"`{tmp_path / 'a.jsonl'}` line 4 has the format `text`, but line 1 has "
        "`messages`; they cannot be mixed."
    )
    liked = {"prompt": "a", "completion": "b", "label": True}
    path = written(tmp_path / "b.jsonl", [liked, liked | {"label": None}])
    assert (
        "line 2 has the format `prompt-completion`, but line 1 has `feedback`"
        in problem(path).message
    )


def test_rows_come_one_by_one(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", [{"prompt": "a", "completion": "b"}] * 3 + [[]])
    read = list(islice(rows_of(path, system="Hi."), 3))
    assert [(one.path, one.place, one.format) for one in read] == [
        (path, f"line {number}", "prompt-completion") for number in (1, 2, 3)
    ]
    assert read[2].row.system == "Hi."
    with pytest.raises(UsageProblem, match="line 4 is not a JSON object"):
        list(rows_of(path))


def test_a_folder_is_its_files_by_name(tmp_path: Path) -> None:
    written(tmp_path / "b.jsonl", [{"prompt": "3", "completion": "c"}])
    written(tmp_path / "a.jsonl", [{"prompt": str(n), "completion": "c"} for n in (1, 2)])
    written(tmp_path / ".c.jsonl", ["hidden"])
    (tmp_path / "README.md").write_text("no data")
    (tmp_path / "d.jsonl").mkdir()
    assert [row.prompt for row in load_table(tmp_path).rows] == ["1", "2", "3"]
    whole = written(
        tmp_path.parent / "whole.jsonl", [{"prompt": n, "completion": "c"} for n in "123"]
    )
    assert rows_sha256(load_table(tmp_path).rows) == rows_sha256(load_table(whole).rows)


def test_a_wrong_row_in_a_folder_is_named_with_its_file(tmp_path: Path) -> None:
    written(tmp_path / "a.jsonl", [{"prompt": "a", "completion": "b"}])
    written(tmp_path / "b.jsonl", [{"asked": "a", "told": "b"}])
    said = f"`{tmp_path / 'b.jsonl'}` line 1 has no column `prompt`; it has `asked`, `told`."
    assert problem(tmp_path).message == said
    written(tmp_path / "b.jsonl", [{"text": "a"}])
    assert f"the format `text`, but `{tmp_path / 'a.jsonl'}` line 1" in problem(tmp_path).message
    (tmp_path / "b.jsonl").write_text("")
    assert problem(tmp_path).message == f"`{tmp_path / 'b.jsonl'}` has no rows."


def test_a_folder_needs_data_of_one_kind_of_file(tmp_path: Path) -> None:
    assert problem(tmp_path).message == f"The folder `{tmp_path}` has no data files."
    written(tmp_path / "a.jsonl", [{"prompt": "a", "completion": "b"}])
    (tmp_path / "info.json").write_text("{}")
    assert "has `.json` and `.jsonl` files" in problem(tmp_path).message
