"""Rows for measuring, and that a check of them is measured as it runs."""

from pathlib import Path

import pytest

from planner.data.reading.formats import load_table
from runner.demo import files
from tests.planner.data.scale import check, made, write

BYTES_OF_A_ROW = 1_000
"""The most that is kept of a row, so that a million take about 1 GB."""


def test_made_rows_are_the_same_at_every_call_and_mostly_unlike() -> None:
    rows = list(made(2_000))
    assert rows == list(made(2_000)) and rows != list(made(2_000, seed=8))
    assert 1_500 < len(set(rows)) < 2_000


def test_a_check_is_measured_in_its_own_process(tmp_path: Path) -> None:
    files.write(tmp_path)
    write(tmp_path / "rows.jsonl", made(600))
    assert load_table(tmp_path / "rows.jsonl").rows == tuple(made(600))
    for model in (None, tmp_path / "base"):
        taken = check(tmp_path / "rows.jsonl", 600, model)
        assert taken.cpu_seconds > 0 and 10e6 < taken.peak_bytes < 1e9
        assert taken.findings["exact-duplicates"] > 0
        assert ("over-length" in taken.findings) == (model is not None)


@pytest.mark.slow
def test_time_and_memory_grow_no_faster_than_the_rows(tmp_path: Path) -> None:
    taken = {}
    for count in (5_000, 50_000):
        write(tmp_path / f"{count}.jsonl", made(count))
        taken[count] = check(tmp_path / f"{count}.jsonl", count)
    few, many = taken.values()
    assert many.cpu_seconds < 1.3 * 10 * few.cpu_seconds
    assert many.peak_bytes - few.peak_bytes < BYTES_OF_A_ROW * 45_000
