"""What is wrong with an input, in the words that a person gets."""

import json
import sys
from pathlib import Path

import pytest

from lockfiles.errors import UsageProblem
from planner.data.reading.formats import load_table
from planner.data.reading.read import read_raw
from planner.data.rows.rows import Message, rows_sha256

SAMPLES = Path(__file__).parents[3] / "data"
GOOD = '{"prompt": "a", "completion": "b"}\n'

BAD = [
    ("gone.jsonl", None, "`gone.jsonl` is not a file."),
    ("a.txt", b"x", "`a.txt` has the unsupported extension `.txt`."),
    ("a.jsonl", b"", "`a.jsonl` has no rows."),
    ("a.jsonl", b"\n\n", "`a.jsonl` has no rows."),
    ("a.json", b"", "`a.json` has no rows."),
    ("a.json", b"[]", "`a.json` has no rows."),
    ("a.csv", b"", "`a.csv` has no rows."),
    ("a.csv", b"prompt,completion\n", "`a.csv` has no rows."),
    ("a.parquet", b"", "`a.parquet` has no rows."),
    (
        "a.jsonl",
        GOOD.encode() + b'{"prompt": \n',
        "`a.jsonl` line 2 is not valid JSON: a value is missing or is not valid in JSON.",
    ),
    ("a.jsonl", GOOD.encode() + b"[1]\n", "`a.jsonl` line 2 is not a JSON object."),
    ("a.jsonl", GOOD.encode() + b'{"prompt": "caf\xe9"}\n', "`a.jsonl` line 2 is not UTF-8."),
    ("a.json", b'{"prompt": "a"}', "`a.json` is JSON, but not a list of rows."),
    (
        "a.json",
        GOOD.encode() + b"{]\n",
        "`a.json` line 2 is not valid JSON: a key in double quotes",
    ),
    ("a.json", GOOD.encode() + b"[]\n", "`a.json` is JSON, but not a list of rows."),
    ("a.json", b"[\n{]", "`a.json` line 2 is not valid JSON: a key in double quotes"),
    ("a.json", b"[1]", "`a.json` row 1 is not a JSON object."),
    (
        "a.csv",
        b"prompt,completion\na,b\na\n",
        "`a.csv` line 3 has 1 field, but the header has 2.",
    ),
    ("a.csv", b'prompt,completion\n"a,b\n', "`a.csv` line 2 has quotes that do not match"),
    (
        "a.jsonl",
        b'{"asked": "a", "told": "b"}\n',
        "`a.jsonl` line 1 has the columns `asked`, `told`, which match no format.",
    ),
    (
        "a.jsonl",
        GOOD.encode() + b'{"prompt": "a"}\n',
        "`a.jsonl` line 2 has no column `completion`; it has `prompt`.",
    ),
    (
        "a.jsonl",
        GOOD.encode() + b'{"prompt": "a", "completion": 5}\n',
        "`a.jsonl` line 2 has no text in `completion`.",
    ),
    (
        "a.jsonl",
        b'{"messages": []}\n',
        "`a.jsonl` line 1 has no list of turns in `messages`.",
    ),
    ("a.jsonl", b'{"messages": ["hi"]}\n', "`a.jsonl` line 1 message 1 is not an object."),
    (
        "a.jsonl",
        b'{"messages": [{"role": "npc", "content": "a"}]}\n',
        "`a.jsonl` line 1 message 1 has the role `npc`, which is not `system`, `user`, ",
    ),
    (
        "a.jsonl",
        b'{"messages": [{"role": "user", "content": null}]}\n',
        "`a.jsonl` line 1 message 1 has no text in `content`.",
    ),
]


@pytest.mark.parametrize(("name", "content", "message"), BAD, ids=[m for _, _, m in BAD])
def test_bad_inputs(
    name: str,
    content: bytes | None,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path(name).write_bytes(content)
    with pytest.raises(UsageProblem) as caught:
        load_table(Path(name))
    assert caught.value.message.startswith(message)
    assert caught.value.exit_code == 2


def test_broken_parquet_is_said(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    path = tmp_path / "a.parquet"
    path.write_bytes(b"not parquet at all")
    with pytest.raises(UsageProblem, match="is not valid Parquet"):
        list(read_raw(path))


def test_parquet_without_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1")
    with pytest.raises(UsageProblem) as caught:
        list(read_raw(path))
    assert caught.value.hint == "pip install 'tunelock[parquet]'"


def test_real_rows_of_each_format() -> None:
    clinc = load_table(SAMPLES / "clinc150.messages.jsonl", system="Not used.")
    assert clinc.format == "messages" and len(clinc.rows) == 12
    assert [m.role for m in clinc.rows[0].messages] == ["system", "user", "assistant"]
    seed = load_table(SAMPLES / "self-instruct.alpaca.jsonl", system="Be short.")
    assert seed.format == "alpaca" and len(seed.rows) == 8
    assert seed.rows[1].messages[:2] == (
        Message("system", "Be short."),
        Message(
            "user",
            "What is the relation between the given pairs?\n\nNight : Day :: Right : Left",
        ),
    )
    columns = {"prompt": "question", "completion": "answer"}
    gsm = load_table(SAMPLES / "gsm8k.jsonl", columns=columns)
    assert gsm.format == "columns" and gsm.rows[0].messages[1].content.endswith("#### 72")


def test_a_json_file_may_have_a_row_on_each_line(tmp_path: Path) -> None:
    for name in ("a.json", "a.jsonl"):
        (tmp_path / name).write_text("\n" + GOOD * 3, "utf-8")
    found = [list(read_raw(tmp_path / name)) for name in ("a.json", "a.jsonl")]
    there, wanted = ([(raw.place, raw.values) for raw in rows] for rows in found)
    assert there == wanted and len(there) == 3


def test_same_rows_same_digest_whatever_the_file(tmp_path: Path) -> None:
    import csv

    rows = [{"prompt": 'say "hi",\nplease', "completion": "hé"}, {"prompt": "", "completion": "b"}]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8-sig")
    (tmp_path / "a.json").write_text(json.dumps(rows, ensure_ascii=False, indent=1), "utf-8")
    with (tmp_path / "a.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["prompt", "completion"])
        writer.writeheader()
        writer.writerows(rows)
    names = ["a.jsonl", "a.json", "a.csv"]
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
        names.append("a.parquet")
    except ImportError:
        pass
    digests = {rows_sha256(load_table(tmp_path / name).rows) for name in names}
    assert len(digests) == 1


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.json"])
@pytest.mark.parametrize(
    ("content", "why"),
    [('[{"a": ' + "9" * 5000 + "}]", "a number is too long"), ("[" * 200_000, "nested too deeply")],
)
def test_json_that_python_refuses_is_one_sentence(
    tmp_path: Path, name: str, content: str, why: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(UsageProblem, match=why):
        list(read_raw(tmp_path / name))
