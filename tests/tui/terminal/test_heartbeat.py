"""Lines that tell long work while it goes on."""

import re
import sys
import time
from io import StringIO

import pytest

from tui.terminal.heartbeat import Progress

OFTEN = 0.02
"""Seconds."""


def _wait(err: StringIO, said: str) -> None:
    ends = time.monotonic() + 20
    while not re.search(said, err.getvalue(), re.MULTILINE):
        assert time.monotonic() < ends, err.getvalue()
        time.sleep(OFTEN)


def test_what_is_done_is_told_again_and_again_until_it_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    err = StringIO()
    monkeypatch.setattr(sys, "stderr", err)
    with Progress("reading rows", OFTEN) as progress:
        _wait(err, r"\A… reading rows(, 0 s)?\n… reading rows, 0 s$")
        progress.update("7,000 rows")
        _wait(err, r"^… 7,000 rows(, 0 s)?$")
    told = err.getvalue()
    time.sleep(5 * OFTEN)
    assert err.getvalue() == told


def test_short_work_has_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("reading rows"):
        pass
    assert capsys.readouterr().err == ""


def test_an_error_ends_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt), Progress("reading rows", OFTEN) as progress:
        progress.update("7,000 rows")
        raise KeyboardInterrupt
    before = capsys.readouterr().err
    time.sleep(5 * OFTEN)
    assert capsys.readouterr().err == "" and "reading" not in before
