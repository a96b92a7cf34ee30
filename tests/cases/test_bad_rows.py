"""A row that cannot be read among good ones: named by its number, and left out where asked."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cases import rows
from tests.cases.command import tunelock
from tests.cases.rows import Row, said
from tests.cases.seen import seen

BROKEN: dict[str, Any] = {
    "role": {"messages": [said("user", "Hello"), said("narrator", "It is late.")]},
    "no-turns": {"messages": []},
    "null-turns": {"messages": None},
    "null-content": {"messages": [said("user", "Hello"), said("assistant", None)]},
    "number": {"messages": [said("user", 7), said("assistant", "Seven.")]},
    "other-columns": {"first": "Hello?", "last": 7},
    "image": {"messages": [said("user", [{"type": "image"}]), said("assistant", "A kettle.")]},
    "arguments": {"messages": [said("user", "Hello"), said("assistant", "", tool_calls=[
        {"type": "function", "function": {"name": "find_item", "arguments": "{item}"}}])]},
    "list": ["a", "list"],
}  # fmt: skip
AT = 17


def written(folder: Path, *broken: Any) -> str:
    """Write 100 rows with broken ones from row `AT`, and return the file's name."""
    made: list[Any] = rows.made(rows.asked, 100)
    made[AT : AT + len(broken)] = broken
    rows.jsonl(folder / "rows.jsonl", made)
    return "rows.jsonl"


@pytest.mark.parametrize("kind", BROKEN)
def test_a_bad_row_is_named_by_its_number(tmp_path: Path, base: Path, kind: str) -> None:
    file = written(tmp_path, BROKEN[kind])
    report = tunelock(tmp_path, "data", file, "--json")
    assert report.out, report.err
    checks = json.loads(report.out)["checks"]
    found = [one for one in checks if one["rows"] == [AT]]
    assert found and found[0]["severity"] == "refused", checks
    looked = seen(tmp_path, file, base)
    assert not looked.locked
    assert looked.plan.names(str(AT)) or looked.plan.names(str(AT + 1)), looked.plan.err


def test_a_line_that_is_no_json_is_named_by_its_number(tmp_path: Path, base: Path) -> None:
    file = written(tmp_path)
    lines = (tmp_path / file).read_text("utf-8").splitlines()
    lines[AT] = lines[AT][:-9]
    (tmp_path / file).write_text("\n".join(lines), "utf-8")
    found = seen(tmp_path, file, base)
    assert not found.locked
    assert found.names(str(AT)) or found.names(str(AT + 1)), found.plan.err


def dropped(folder: Path, file: str) -> list[str]:
    """Return the findings of a file that can be left out."""
    checks = json.loads(tunelock(folder, "data", file, "--json").out)["checks"]
    return [one["id"] for one in checks if one["rows"] and one["severity"] == "refused"]


@pytest.mark.parametrize("kind", BROKEN)
def test_a_bad_row_is_left_out_where_asked(tmp_path: Path, base: Path, kind: str) -> None:
    file = written(tmp_path, BROKEN[kind])
    names = dropped(tmp_path, file)
    assert names
    found = seen(tmp_path, file, base, f"drop = {json.dumps(names)}\n")
    assert found.locked, found.plan.err
    assert found.plan.names("99") or found.plan.names("89"), found.plan.out
    assert found.plan.names("1 row"), found.plan.out


def test_many_bad_rows_are_refused_even_so(tmp_path: Path, base: Path) -> None:
    """Up to 5% of a file: with more the file is of another kind than it seems."""
    file = written(tmp_path, *[BROKEN["role"]] * 10)
    names = dropped(tmp_path, file)
    found = seen(tmp_path, file, base, f"drop = {json.dumps(names)}\n")
    assert not found.locked and found.plan.code in (2, 6)
    assert found.plan.names("10") or found.plan.names("10%"), found.plan.err


def test_the_first_row_may_be_the_bad_one(tmp_path: Path, base: Path) -> None:
    made: list[Row] = rows.made(rows.asked, 100)
    made[0] = {"messages": []}
    rows.jsonl(tmp_path / "rows.jsonl", made)
    names = dropped(tmp_path, "rows.jsonl")
    found = seen(tmp_path, "rows.jsonl", base, f"drop = {json.dumps(names)}\n")
    assert found.locked, found.plan.err


def test_the_share_of_bad_rows_is_an_answer(tmp_path: Path, base: Path) -> None:
    file = written(tmp_path, *[BROKEN["role"]] * 10)
    lines = f"drop = {json.dumps(dropped(tmp_path, file))}\nbad_rows = 0.15\n"
    found = seen(tmp_path, file, base, lines)
    assert found.locked and found.plan.names("10 rows"), found.plan.text


def test_a_bad_row_of_the_test_file_is_named_by_its_file(tmp_path: Path, base: Path) -> None:
    rows.jsonl(tmp_path / "rows.jsonl", rows.made(rows.asked))
    made: list[Row] = [rows.asked(thing) for thing in rows.THINGS[60:100]]
    rows.jsonl(tmp_path / "held.jsonl", [*made, {"messages": []}])
    found = seen(tmp_path, "rows.jsonl", base, 'test = "held.jsonl"\n')
    assert not found.locked and "held.jsonl" in found.plan.err and found.plan.names("41")
