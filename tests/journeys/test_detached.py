"""At a terminal a run is detached: leaving it, or losing the terminal, ends only the watching."""

import os
import shlex
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from runner.runs.events import read
from tests.journeys import loopback
from tests.journeys.demo_folder import ADAPTER_ONLY, command, small, tunelock
from tests.tui.wizard.drive import Tmux

pytest.importorskip("trl")
if shutil.which("tmux") is None:
    pytest.skip("tmux is not installed", allow_module_level=True)


def until(happened: Callable[[], bool], seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)


@pytest.mark.slow
def test_a_run_outlives_its_terminal(tmp_path: Path) -> None:
    folder = small(tmp_path, results__gguf=[])
    assert tunelock(folder, "plan").returncode == 0
    quoted = " ".join(f"'{word}'" for word in command("run"))
    terminal = Tmux(folder, f"{quoted}; echo ended with $?; exec sleep 600")
    try:
        terminal.wait_for("train")
        terminal.press("q")
        terminal.wait_for("ended with 130")
        assert "the run continues" in terminal.screen()
    finally:
        terminal.close()

    (run,) = (folder / "runs").iterdir()
    again = Tmux(folder, " ".join(f"'{word}'" for word in command("watch")))
    again.wait_for("train")
    again.close()

    assert not (run / "receipt.json").exists(), "the run was over before its terminal was lost"
    until(lambda: (run / "receipt.json").exists())
    until(lambda: [e.kind for e in read(run / "events.jsonl")[0]][-1] == "done")
    stood = tunelock(folder, "status")
    assert "done" in stood.stdout


@pytest.mark.skipif(not loopback.available(), reason="needs root and an OpenSSH server")
def test_a_run_outlives_its_ssh_session(tmp_path: Path) -> None:
    folder, keys = small(tmp_path / "run", train__epochs=1, **ADAPTER_ONLY), tmp_path / "keys"
    keys.mkdir()
    assert tunelock(folder, "plan").returncode == 0
    quoted = " ".join(shlex.quote(word) for word in command("run"))
    with loopback.sshd(keys) as ssh:
        session = Tmux(tmp_path, shlex.join([*ssh, f"cd {folder} && {quoted}"]))
        session.wait_for("train")
        (client,) = children(session.pid())
        os.kill(client, signal.SIGKILL)
        session.close()
        (run,) = (folder / "runs").iterdir()
        assert not (run / "receipt.json").exists(), "the run was over before the session"
        until(lambda: (run / "receipt.json").exists())
    until(lambda: [e.kind for e in read(run / "events.jsonl")[0]][-1] == "done")


def children(process: int) -> list[int]:
    """Return a process, or the `ssh` that its shell started."""
    found = Path(f"/proc/{process}/task/{process}/children").read_text("ascii").split()
    return [int(number) for number in found] or [process]
