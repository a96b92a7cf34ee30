"""Forked commands end as those do that are started from nothing."""

import subprocess
from pathlib import Path

import pytest

from tests import forked
from tests.journeys.demo_folder import ENVIRONMENT, command
from tests.tui.test_cli import tunelock


def test_a_fork_has_its_arguments_folder_and_environment(tmp_path: Path) -> None:
    assert forked.forks("check") and not forked.forks("doctor") and not forked.forks()
    assert not forked.forks("check", PYTHONHASHSEED="1")
    for words, columns in ((("check", "no such.lock"), "50"), (("fit", "--families"), "60")):
        environment = ENVIRONMENT | {"COLUMNS": columns}
        real = subprocess.run(
            command(*words), cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        fork = forked.run(*words, folder=tmp_path, environment=environment)
        assert (fork.returncode, fork.stdout, fork.stderr) == (
            real.returncode, real.stdout, real.stderr,
        )  # fmt: skip


def test_a_fork_without_end_is_killed_and_the_next_is_answered(tmp_path: Path) -> None:
    (tmp_path / ".inuse").touch()
    with pytest.raises(subprocess.TimeoutExpired):
        forked.run(
            str(tmp_path), folder=tmp_path, environment=ENVIRONMENT, timeout=0.1, program="hold"
        )
    assert tunelock("fit", "--families").returncode == 0


def test_a_fork_of_a_program_warns_of_what_it_leaves_open(tmp_path: Path) -> None:
    fork = forked.run(
        folder=tmp_path, environment=ENVIRONMENT, program="leave_open", options=("-W", "error")
    )
    assert (fork.returncode, fork.stdout) == (3, "left\n")
    assert "ResourceWarning: unclosed <socket" in fork.stderr
