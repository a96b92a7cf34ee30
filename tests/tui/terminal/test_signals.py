"""SIGHUP and SIGTERM end a command, what it started, and what it has not finished."""

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.programs import command


def started(folder: Path, before: Callable[[], object] | None = None) -> tuple[int, "Ran"]:
    """Return the number of the child, and the command that waits for it."""
    program = command("child_of_command", folder)
    process = subprocess.Popen(program, stdout=subprocess.PIPE, text=True, preexec_fn=before)
    assert process.stdout is not None
    return int(process.stdout.readline()), process


Ran = subprocess.Popen[str]


def has_ended(number: int, seconds: float = 10.0) -> bool:
    until = time.monotonic() + seconds
    while Path(f"/proc/{number}/cmdline").exists() and time.monotonic() < until:
        if not Path(f"/proc/{number}/cmdline").read_bytes():
            return True  # nobody has waited for it yet
        time.sleep(0.02)
    return time.monotonic() < until


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGKILL])
def test_a_command_that_is_ended_leaves_nothing_behind(
    number: signal.Signals, tmp_path: Path
) -> None:
    child, process = started(tmp_path)
    with process:
        process.send_signal(number)
        assert process.wait(10) == (-9 if number == signal.SIGKILL else 128 + number)
    assert has_ended(child)
    assert bool(list(tmp_path.iterdir())) == (number == signal.SIGKILL)


def test_a_hang_up_that_is_ignored_ends_nothing(tmp_path: Path) -> None:
    child, process = started(tmp_path, lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    with process:
        process.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.3)
        assert not has_ended(child, 0.0)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 143
    assert has_ended(child)
