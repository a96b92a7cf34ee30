"""Parquet files that are broken on purpose: one sentence each; no process dies or waits."""

import contextlib
import random
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from lockfiles.errors import UsageProblem
from planner.data.files.lines import MAX_ROW_BYTES
from planner.data.isolation import limits, starting
from planner.data.reading.formats import load_table

MIB = 2**20


def test_a_folder_whose_parquet_files_differ(tmp_path: Path) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    pq.write_table(pa.table({"prompt": ["a"], "completion": ["b"]}), tmp_path / "a.parquet")
    for columns, said in [
        ({"asked": ["a"], "told": ["b"]}, "no column `prompt`; it has `asked`, `told`."),
        ({"prompt": ["a"], "completion": [5]}, "no text in `completion`."),
        ({"prompt": ["a"], "completion": [None]}, "no text in `completion`."),
    ]:
        pq.write_table(pa.table(columns), tmp_path / "b.parquet")
        with pytest.raises(UsageProblem) as caught:
            load_table(tmp_path)
        assert caught.value.message == f"`{tmp_path / 'b.parquet'}` row 1 has {said}"


def test_a_parquet_file_that_is_cut_or_has_a_column_twice(tmp_path: Path) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table([["a"], ["b"], ["c"]], ["prompt", "completion", "prompt"]), path)
    with pytest.raises(UsageProblem, match="has the column `prompt` twice"):
        load_table(path)
    rows = {"prompt": [str(n) for n in range(10_000)], "completion": ["b"] * 10_000}
    pq.write_table(pa.table(rows), path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UsageProblem, match="after row 0 is not valid Parquet"):
        load_table(path)
    path.write_bytes(whole[:1000] + bytes(8000) + whole[9000:])
    with pytest.raises(UsageProblem, match="is not valid Parquet"):
        load_table(path)


def test_a_parquet_file_that_unpacks_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"prompt": ["a" * 1000] * 20_000, "completion": ["b"] * 20_000}), path)
    assert path.stat().st_size < 20_000
    monkeypatch.setattr(limits, "UNPACKED_BYTES", 2 * MIB)
    monkeypatch.setattr(limits, "UNPACKED_TIMES", 1)
    with pytest.raises(UsageProblem, match="unpacks to more than 2 MiB, far more than its size"):
        load_table(path)
    monkeypatch.undo()
    long = "a" * (MAX_ROW_BYTES + 1)
    pq.write_table(pa.table({"prompt": ["a", "b", long], "completion": ["b"] * 3}), path)
    with pytest.raises(UsageProblem, match="row 3 is longer than 16 MiB"):
        load_table(path)


@pytest.mark.slow
def test_a_parquet_file_whose_rows_take_all_memory(tmp_path: Path) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "a.parquet"
    same = pa.DictionaryArray.from_arrays(pa.array([0] * 1000, pa.int32()), ["a" * 10**7])
    pq.write_table(pa.table({"prompt": same, "completion": same}), path)
    with pytest.raises(UsageProblem, match="its rows take too much memory"):
        load_table(path)


def test_parquet_values_that_are_no_text(tmp_path: Path) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "a.parquet"
    for value in (b"\xff", date(2020, 1, 1), Decimal(1), 7, True):
        pq.write_table(pa.table({"prompt": ["a"], "completion": [value]}), path)
        with pytest.raises(UsageProblem, match="row 1 has no text in `completion`"):
            load_table(path)


def test_a_damaged_parquet_file_is_one_sentence(tmp_path: Path) -> None:
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path, source = tmp_path / "a.parquet", random.Random(3)
    table = {"prompt": [str(n) for n in range(300)], "completion": ["b"] * 300}
    pq.write_table(pa.table(table), path)
    whole = path.read_bytes()
    for _ in range(6):
        changed = bytearray(whole)
        for _ in range(source.choice([1, 5, 30])):
            changed[source.randrange(len(whole))] = source.randrange(256)
        path.write_bytes(changed)
        with contextlib.suppress(UsageProblem):
            load_table(path)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import os; os.abort()", "after row 0 is not valid Parquet: the reader process"),
        ("import time; time.sleep(60)", "reading rows takes longer than 0.2 seconds"),
        ("import os; os.write(1, bytes(9))", "nested too deeply, or not text"),
        ("import os; os.write(1, b'\\0\\2' + bytes(7) + b'[]')", "no rows"),
        ("import os; os.write(1, b'\\0' + b'\\xff' * 8)", "rows that are too long"),
    ],
    ids=["aborts", "waits", "nothing", "a list", "long"],
)
def test_whatever_becomes_of_the_process_that_reads_parquet(
    code: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyarrow")
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1")
    monkeypatch.setattr(starting, "_CODE", code)
    if "longer than" in said:
        monkeypatch.setattr(limits, "PARQUET_SECONDS", 0.2)
    with pytest.raises(UsageProblem, match=said):
        load_table(path)
