"""A reader that closes its end, as `| head -1` does: no traceback, no failure, no run ended."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from lockfiles import lock
from tests.few import few
from tests.journeys.demo_folder import ENVIRONMENT, command, small
from tests.tui.follow.test_follow import DONE, FAILED, write


def unread(folder: Path, *arguments: str, both: bool = False) -> subprocess.Popen[str]:
    """Start `tunelock` with a stdout (with `both`, and a stderr) that nobody reads any more."""
    ours, theirs = os.pipe()
    os.close(ours)
    try:
        return subprocess.Popen(
            command(*arguments),
            cwd=folder,
            env=ENVIRONMENT,
            stdout=theirs,
            stderr=theirs if both else subprocess.PIPE,
            text=True,
        )
    finally:
        os.close(theirs)


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Return how a process ended, and what it said on stderr."""
    _, told = process.communicate(timeout=60)
    return process.returncode, told


@pytest.mark.parametrize(
    "arguments", few([["status"], ["status", "b"], ["--help"], ["run", "--help"]])
)
def test_a_closed_pipe_is_no_failure(arguments: list[str], tmp_path: Path) -> None:
    write(tmp_path / "runs" / "a", DONE)
    write(tmp_path / "b", FAILED)
    assert ended(unread(tmp_path, *arguments)) == (0, "")
    assert unread(tmp_path, *arguments, both=True).wait(60) == 0


@pytest.mark.parametrize("face", ["--json", "--plain"])
def test_watching_ends_with_its_reader(face: str, tmp_path: Path) -> None:
    write(tmp_path / "runs" / "a", FAILED)
    assert unread(tmp_path, "watch", face, both=True).wait(60) == 0


def test_an_error_keeps_its_code(tmp_path: Path) -> None:
    assert unread(tmp_path, "plan", both=True).wait(60) == 2
    code, told = ended(unread(tmp_path, "plan"))
    assert (code, told.splitlines()[0]) == (2, "error: `run.toml` does not exist.")


def test_a_plan_is_written_all_the_same(tmp_path: Path) -> None:
    code, told = ended(unread(small(tmp_path / "demo"), "plan", "--json"))
    assert code == 0 and "Traceback" not in told
    assert lock.read(tmp_path / "demo" / "run.lock").intent.name == "demo"


@pytest.mark.slow
@pytest.mark.parametrize("face", ["--json", "--plain"])
def test_a_run_goes_on_without_a_reader_until_it_is_stopped(face: str, tmp_path: Path) -> None:
    pytest.importorskip("trl")
    folder = small(tmp_path / "demo")
    assert subprocess.run(command("plan"), cwd=folder, env=ENVIRONMENT).returncode == 0
    process = unread(folder, "run", "--foreground", face, both=True)
    try:
        told = '"stage": "train", "kind": "step"'
        until = time.monotonic() + 60
        while not any(told in path.read_text() for path in folder.glob("runs/*/events.jsonl")):
            assert process.poll() is None and time.monotonic() < until
            time.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 75
    finally:
        process.kill()
        process.wait()
