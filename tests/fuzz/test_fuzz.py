"""The short form of `python -m tests.fuzz`: no spoiled file ends in a traceback, or unseen."""

import os
import signal
import subprocess
import sys

import pytest

from tests.fuzz.pool import Verdict, run
from tests.fuzz.report import Count


@pytest.mark.parametrize(
    "amount", [["--short"], pytest.param(["--only", "corpus"], marks=pytest.mark.slow)]
)
def test_spoiled_files_of_every_kind(amount: list[str]) -> None:
    words = ("-m", "tests.fuzz", *amount)
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_fault_is_noticed() -> None:
    def case(number: int, place: int) -> Verdict:
        if number == 0:
            raise SystemExit(3)
        if number == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return Verdict(0, hidden="`a.1`: 1 → 2") if number == 2 else Verdict(2)

    count = Count("made")
    for verdict in run(case, range(4), 2):
        count.add(verdict)
    assert (count.number("traceback"), count.number("not shown")) == (2, 1)
    assert (count.tried, count.refused, count.faults) == (4, 1, 3)
