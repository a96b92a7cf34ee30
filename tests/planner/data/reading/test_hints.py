"""What to type when the data is refused: the commands are run, and show the row in question."""

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
    ("a.json", '{"wrong": 1}'),
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
