"""Rows that cannot be read: found with their numbers, dropped if that is wanted, and limited."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lockfiles.errors import DataRefused, UsageProblem
from planner.data.checks.registry import every
from planner.data.checks.scan import scan
from planner.data.mend.steps import Mending
from planner.data.reading.bad_rows import BadRows
from planner.data.reading.formats import MOST_UNREAD, every_row, load_table
from tests.planner.data.test_mending import RECIPE, made, numbers, rows, told

BAD: dict[str, str] = {
    "broken JSON": '{"prompt": "a", ',
    "no object": '["a", "b"]',
    "missing key": '{"prompt": "a"}',
    "null answer": '{"prompt": "a", "completion": null}',
    "number": '{"prompt": "a", "completion": 7}',
    "twice": '{"prompt": "a", "prompt": "b", "completion": "c"}',
    "unknown role": json.dumps({"messages": [{"role": "narrator", "content": "a"}]}),
    "no turns": '{"messages": []}',
    "turn without content": '{"messages": [{"role": "user"}]}',
    "arguments": json.dumps(
        {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "tool_calls": [
            {"function": {"name": "f", "arguments": "{oops"}}]}]}
    ),
    "other kind": '{"text": "a"}',
    "nothing": "{}",
}  # fmt: skip


def _file(folder: Path, *bad: str, places: tuple[int, ...] = (5,), good: int = 60) -> Path:
    lines = [json.dumps(row) for row in (rows() * 3)[:good]]
    for place in places:
        lines[place] = bad[0] if len(bad) == 1 else bad[places.index(place)]
    path = folder / "train.jsonl"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


@pytest.mark.parametrize("name", BAD)
def test_a_bad_row_is_refused_or_dropped_by_its_number(name: str, tmp_path: Path) -> None:
    path = _file(tmp_path, BAD[name])
    with pytest.raises(DataRefused) as caught:
        made(RECIPE, train=path)
    assert "1 of 60 rows cannot be read: line 6 " in caught.value.message
    assert 'drop = ["bad-rows"]' in caught.value.hint
    corpus = made(replace(RECIPE, mending=Mending(drop=("bad-rows",))), train=path)
    assert told(corpus) == [("train", "drop", "bad-rows", 1)]
    assert numbers(corpus) == [number for number in range(60) if number != 5]


def test_more_bad_rows_than_allowed_are_refused(tmp_path: Path) -> None:
    path = _file(tmp_path, "{", places=(0, 1, 2, 3))
    dropped = Mending(drop=("bad-rows",))
    with pytest.raises(DataRefused) as caught:
        made(replace(RECIPE, mending=dropped), train=path)
    assert "4 of 60 rows cannot be read" in caught.value.message
    assert "more than the 5% of a file that may be left out" in caught.value.message
    assert 'drop = ["bad-rows"], bad_rows = 0.07' in caught.value.hint
    corpus = made(replace(RECIPE, mending=replace(dropped, bad_rows=0.07)), train=path)
    assert told(corpus) == [("train", "drop", "bad-rows", 4)]
    none = replace(RECIPE, mending=replace(dropped, bad_rows=0.0))
    with pytest.raises(DataRefused, match="more than the 0% of a file"):
        made(none, train=path)


def test_bad_test_rows_are_dropped_too(tmp_path: Path) -> None:
    train = _file(tmp_path, json.dumps(rows()[5]))
    (tmp_path / "other").mkdir()
    test = _file(tmp_path / "other", "{", places=(7,))
    with pytest.raises(DataRefused, match="1 of 60 rows cannot be read: line 8 "):
        made(RECIPE, train=train, test=test)
    wanted = replace(RECIPE, mending=Mending(drop=("bad-rows",)))
    steps = told(made(wanted, train=train, test=test))
    assert steps == [("train", "drop", "bad-rows", 0), ("test", "drop", "bad-rows", 1)]


def test_a_file_without_a_readable_row_says_what_its_first_one_lacks(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"question_text": "a"}\n' * 3, "utf-8")
    with pytest.raises(UsageProblem, match="line 1 has the columns `question_text`, which match"):
        load_table(path, bad=BadRows())
    path.write_text("{\n" * (MOST_UNREAD + 5) + json.dumps(rows()[0]), "utf-8")
    with pytest.raises(UsageProblem, match="line 1 is not valid JSON"):
        load_table(path, bad=BadRows())


def test_findings_keep_the_numbers_of_the_file(tmp_path: Path) -> None:
    found = rows()
    found[20]["prompt"] = "  "
    lines = [json.dumps(row) for row in found]
    lines[0], lines[10] = "{", '{"prompt": "a"}'
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(lines), "utf-8")
    report = scan(every_row(path), every, mapping={}, held_out={"b": every_row(path)})
    by_id = {finding.id: finding for finding in report.findings if not finding.file}
    assert list(by_id["bad-rows"].rows) == [0, 10] and by_id["bad-rows"].severity == "refused"
    empty = [one for one in report.findings if one.id == "empty" and not one.file]
    assert sorted(row for one in empty for row in one.rows) == [3, 20]
    assert report.rows == 58
    other = {finding.id: finding for finding in report.findings if finding.file}
    assert list(other["bad-rows"].rows) == [0, 10]
    assert list(other["leak"].rows) == [number for number in range(60) if number not in (0, 10)]
    assert "row 1 (training row 1), row 2 (training row 2)" in other["leak"].said


def test_a_broken_file_is_not_a_bad_row(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('[{"prompt": "a", "completion": "b"}, {"prompt": ', "utf-8")
    with pytest.raises(UsageProblem, match="is not valid JSON"):
        load_table(path, bad=BadRows())
    path.write_text('[{"prompt": "a", "completion": "b"}, 7]', "utf-8")
    bad = BadRows()
    assert len(load_table(path, bad=bad).rows) == 1
    assert bad.reasons == "row 2 is not a JSON object"


@pytest.mark.parametrize(("bad", "said"), [(5, False), (6, True)])
def test_the_report_says_that_more_than_the_limit_needs_another_answer(
    bad: int, said: bool, tmp_path: Path
) -> None:
    path = tmp_path / "rows.jsonl"
    good = [f'{{"prompt": "q{n}", "completion": "a"}}\n' for n in range(100 - bad)]
    path.write_text("".join(good) + '{"prompt": "q"}\n' * bad, "utf-8")
    report = scan(every_row(path), every, mapping={})
    found = next(one for one in report.findings if one.id == "bad-rows")
    assert ("`data.bad_rows`" in found.said) == said
