"""The short form of `python -m tests.fuzz`: no spoiled file ends in a traceback, or unseen."""

from pathlib import Path

import pytest

from tests.fuzz.pool import Verdict, run
from tests.fuzz.report import Count, table
from tests.fuzz.trying import KINDS, Amount, tried


def test_spoiled_files_of_every_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as kept:
        kept.setenv("HOME", str(tmp_path))  # `tried` changes the environment
        counts = list(tried(tmp_path, tuple(KINDS), Amount(short=True)))
    assert not any(count.faults for count in counts), "\n" + "\n".join(table(counts))


def test_every_fault_is_noticed() -> None:
    def case(number: int, place: int) -> Verdict:
        if number == 0:
            raise SystemExit(3)
        if number == 1:
            import os

            os.abort()
        return Verdict(0, hidden="`a.1`: 1 → 2") if number == 2 else Verdict(2)

    count = Count("made")
    for verdict in run(case, range(4), 2):
        count.add(verdict)
    assert (count.number("traceback"), count.number("not shown")) == (2, 1)
    assert (count.tried, count.refused, count.faults) == (4, 1, 3)
