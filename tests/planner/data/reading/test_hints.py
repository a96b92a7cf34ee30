"""What to type when the data is refused: the commands are run, and show the row in question."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lockfiles.errors import TunelockError
from planner.data.reading.formats import load_table
from planner.data.rows.rows import Message, Row
from planner.data.tokens.encode import assistant_spans, load_tokenizer
from planner.data.tokens.example import completion
from planner.data.tokens.stored import read_encoded, write_encoded
from planner.data.tokens.template import compile_template

GOOD = '{"prompt": "a", "completion": "b"}'
ROW = Row((Message("user", "a"), Message("assistant", "said")))

SHOWN = [
    ("my rows.jsonl", f'{GOOD}\n["wrong"]\n'),
    ("a.jsonl", f'{GOOD}\n{{"prompt": "wrong", \n'),
    ("a.jsonl", f'{GOOD}\n{{"prompt": "wrong", "completion": 5}}\n'),
    ("a.json", f'[{GOOD}, "wrong"]'),
    ("my rows.json", f'[{GOOD}, {{"prompt": "wrong", "completion": 5}}]'),
    ("a.csv", "prompt,completion\na,b\nwrong\n"),
    ("a.jsonl", '{"messages": "wrong"}'),
    ("a.jsonl", '{"messages": ["wrong"]}'),
    ("a.jsonl", '{"messages": [{"role": ["wrong"], "content": "a"}]}'),
    ("a.jsonl", '{"messages": [{"role": "user", "content": {"wrong": 1}}]}'),
]


def _hint(raised: pytest.ExceptionInfo[TunelockError]) -> str:
    assert raised.value.hint
    return raised.value.hint


def _typed(command: str) -> str:
    program = re.sub(r"^print row [0-9]+: python3", f"'{sys.executable}'", command)
    return subprocess.run(["bash", "-c", program], capture_output=True, text=True).stdout


@pytest.mark.parametrize(("name", "content"), SHOWN)
def test_the_hint_shows_the_row(name: str, content: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(TunelockError) as raised:
        load_table(path)
    assert "wrong" in _typed(_hint(raised))


ROWS = [{"prompt": f"What is {n}?", "completion": f"It is {n}."} for n in range(4)]
OBJECT_A_LINE = "".join(json.dumps(row) + "\n" for row in ROWS)
COLUMNS: dict[str, list[str]] = {key: [row[key] for row in ROWS] for key in ROWS[0]}
MENDED = [
    ("my rows.jsonl", json.dumps(ROWS, indent=1), "over several lines"),
    ("a.jsonl", json.dumps(ROWS).replace("}, {", "},\n{"), "over several lines"),
    ("a.jsonl", json.dumps(ROWS), "a JSON list of rows"),
    ("a.json", json.dumps({"version": "1", "data": ROWS}), "rows in `data`"),
    ("my rows.json", json.dumps({"train": ROWS, "test": ROWS}), "rows in `train`, `test`"),
    ("a.jsonl", json.dumps({"data": ROWS}), "rows in `data`"),
    ("a.jsonl", "".join(json.dumps({"data": [row]}) + "\n" for row in ROWS), "rows in `data`"),
    ("a.json", json.dumps(COLUMNS), "the columns `prompt`, `completion`"),
    ("a.json", json.dumps({key: dict(enumerate(one)) for key, one in COLUMNS.items()}), "columns"),
    ("a.json", json.dumps({f"id{n}": row for n, row in enumerate(ROWS)}), "under each key"),
    ("a.csv", OBJECT_A_LINE, "JSON in its first line"),
    ("a.tsv", OBJECT_A_LINE, "JSON in its first line"),
    ("a.jsonl", "prompt,completion\n" + "What is 1?,It is 1.\n" * 4, "header of a table"),
]


@pytest.mark.parametrize(("name", "content", "said"), MENDED)
def test_the_hint_makes_a_file_that_is_read(
    name: str, content: str, said: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(TunelockError) as raised:
        load_table(path)
    assert said in raised.value.message
    command = re.sub(r"^read it as [A-Za-z ]+: ", "", _hint(raised))
    _typed(re.sub(r"^python3", f"'{sys.executable}'", command))
    (made,) = [one for one in tmp_path.iterdir() if one != path]
    assert len(load_table(made).rows) == 4


def test_the_hint_for_objects_over_several_lines_joins_each(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(json.dumps(row, indent=1) for row in ROWS))
    with pytest.raises(TunelockError, match="begins an object over several lines") as raised:
        load_table(path)
    assert _hint(raised) == f"jq -c . {path} > {tmp_path / 'a.rows.jsonl'}"


PAIRED = '`[["prompt", "answer"], …]`'
ADVICE = [
    ("a.json", '{"messages": [{"role": "user", "content": "a"}]}', "a list of objects"),
    ("a.json", '"text"', "a list of objects"),
    ("a.jsonl", '[{"role": "user", "content": "a"}]\n' * 2, '`{"messages": […]}`'),
    ("a.jsonl", '{"messages": [{"q": "a", "b": "c"}]}\n', "give each turn a `role`"),
    ("a.csv", "prompt,completion,prompt\na,b,c\n", "rename one of the columns `prompt`"),
    ("a.csv", "prompt,,,completion\na,b,c,d\n", "a name of its own"),
    ("a.csv", "prompt,completion\n" + "What is it?;It is this.\n" * 3, "with semicolons too"),
    ("a.tsv", "prompt\tcompletion\n" + "What is it?,It is this.\n" * 3, "with commas too"),
    ("a.jsonl", '{"prompt": "a", "completion": "b", "history": [["a", "b", "c"]]}', PAIRED),
    ("a.jsonl", '{"prompt": "a", "completion": "b", "history": ["a", "b"]}', PAIRED),
]


@pytest.mark.parametrize(("name", "content", "said"), ADVICE)
def test_the_hint_says_what_to_change(name: str, content: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(content, "utf-8")
    with pytest.raises(TunelockError) as raised:
        load_table(path)
    assert said in _hint(raised)


@pytest.mark.parametrize("keys", [("q", "a"), ("question", "answer"), ("prompt", "response"),
                                  ("user", "assistant"), ("input", "output")])  # fmt: skip
def test_history_may_be_objects_of_a_prompt_and_an_answer(
    keys: tuple[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "a.jsonl"
    earlier = [dict(zip(keys, pair, strict=True)) for pair in (("one", "two"), ("three", "four"))]
    path.write_text(json.dumps({"prompt": "five", "completion": "six", "history": earlier}))
    (row,) = load_table(path).rows
    said = [(turn.role, turn.content) for turn in row.messages]
    asked = [("user", one) for one in ("one", "three", "five")]
    answered = [("assistant", one) for one in ("two", "four", "six")]
    assert said == [turn for pair in zip(asked, answered, strict=True) for turn in pair]


def test_the_hint_shows_a_row_of_parquet(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "a.parquet"
    rows = [{"prompt": "a", "completion": "b"}, {"prompt": "wrong", "completion": None}]
    parquet.write_table(pa.Table.from_pylist(rows), path)
    with pytest.raises(TunelockError) as raised:
        load_table(path)
    assert _hint(raised).startswith("print row 2: python3 -c 'import sys, pyarrow.parquet as pq; ")
    assert _typed(_hint(raised)) == "[{'prompt': 'wrong', 'completion': None}]\n"


def test_text_in_another_encoding_is_turned_into_utf8(tmp_path: Path) -> None:
    path = tmp_path / "my rows.jsonl"
    path.write_bytes(GOOD.replace("a", "caf\xe9", 1).encode("latin-1"))
    with pytest.raises(TunelockError) as raised:
        load_table(path)
    command = _hint(raised)
    subprocess.run(["bash", "-c", command], cwd=tmp_path, check=True)
    assert len(load_table(tmp_path / "my rows.utf8.jsonl").rows) == 1


def test_json_nested_too_deeply_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("[" * 200_000)
    with pytest.raises(TunelockError, match="nested too deeply") as raised:
        load_table(path)
    assert _hint(raised)


@pytest.mark.parametrize("source", ["{{ messages | length }}", "{{ add_generation_prompt }}"])
def test_a_template_that_hides_the_answer_has_a_way_on(source: str) -> None:
    with pytest.raises(TunelockError) as raised:
        assistant_spans(compile_template(source, {}), ROW)
    assert "[model] template" in _hint(raised)


def test_broken_files_have_a_way_on(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(TunelockError) as raised:
        load_tokenizer(tmp_path)
    assert "again" in _hint(raised)
    write_encoded(tmp_path / "rows", [completion((1, 2), (-100, 2))])
    (tmp_path / "rows" / "completion.mask.u8").write_bytes(b"")
    with pytest.raises(TunelockError) as raised:
        read_encoded(tmp_path / "rows")
    assert "rerun the lock" in _hint(raised)
