"""A run in the foreground whose terminal is lost saves a checkpoint and stops; `nohup` runs on."""

import os
import shlex
import shutil
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from runner.runs.events import Event, read
from runner.runs.holders import is_held
from tests.journeys import loopback
from tests.journeys.demo_folder import command, small, tunelock
from tests.journeys.test_detached import children, until
from tests.tui.wizard.drive import Tmux

pytestmark = pytest.mark.slow
pytest.importorskip("trl")
if shutil.which("tmux") is None:
    pytest.skip("tmux is not installed", allow_module_level=True)

FOREGROUND = ("run", "run.lock", "--foreground")


def events(folder: Path) -> list[Event]:
    """Return the events of a folder's only run."""
    return [one for path in folder.glob("runs/*/events.jsonl") for one in read(path)[0]]


def happened(folder: Path, stage: str, kind: str) -> bool:
    return any((one.stage, one.kind) == (stage, kind) for one in events(folder))


def check_stopped(folder: Path) -> None:
    """Check that a run ends as stopped, and that no process of it is left."""
    (run,) = (folder / "runs").iterdir()
    until(lambda: not is_held(run), 60)
    last = events(folder)[-1]
    assert (last.stage, last.kind, last.fields["exit_code"]) == ("run", "failed", 75)
    assert "because its terminal or session ended" in last.fields["message"]
    assert "Traceback" not in (run / "log.txt").read_text("utf-8", "replace")


@pytest.mark.parametrize("processes", [1, 2])
def test_a_closed_terminal_stops_a_run_which_resumes(processes: int, tmp_path: Path) -> None:
    few = {"gguf": [], "merge": False, "samples": 0}
    changes = {f"results__{name}": value for name, value in few.items()}
    several = {"machine__processes": processes, "train__exact": False} if processes > 1 else {}
    folder = small(tmp_path, train__epochs=6, **changes, **several)
    assert tunelock(folder, "plan").returncode == 0
    for stage, kind in (("train", "step"), ("evaluate", "started")):
        terminal = Tmux(folder, shlex.join(command(*FOREGROUND)))
        until(lambda stage=stage, kind=kind: happened(folder, stage, kind))  # type: ignore[misc]
        terminal.close()
        check_stopped(folder)
        if stage == "train":
            kinds = [one.kind for one in events(folder) if one.stage == "train"]
            assert "checkpoint" in kinds[kinds.index("step") :]
    assert tunelock(folder, *FOREGROUND).returncode == 0
    steps = [one.fields["step"] for one in events(folder) if one.kind == "step"]
    assert steps == list(range(1, len(steps) + 1))


def test_nohup_keeps_a_run_alive(tmp_path: Path) -> None:
    few = {"gguf": [], "merge": False, "evaluate": False, "samples": 0}
    folder = small(tmp_path, **{f"results__{name}": value for name, value in few.items()})
    assert tunelock(folder, "plan").returncode == 0
    terminal = Tmux(folder, shlex.join(["nohup", *command(*FOREGROUND)]))
    until(lambda: happened(folder, "train", "step"))
    terminal.close()
    until(lambda: happened(folder, "run", "done"))


def detached(folder: Path) -> list[int]:
    """Return the supervisors that run in sessions of their own in a folder."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (place / "cmdline").read_bytes().split(b"\0")
            if b"runner" in words and (place / "cwd").readlink() == folder:
                found.append(int(place.name))
    return found


@pytest.mark.parametrize("closed", [True, False])
def test_a_run_that_is_starting_outlives_its_terminal_and_no_ctrl_c(
    closed: bool, tmp_path: Path
) -> None:
    few = {"gguf": [], "merge": False, "evaluate": False, "samples": 0}
    folder = small(tmp_path, **{f"results__{name}": value for name, value in few.items()})
    assert tunelock(folder, "plan").returncode == 0
    terminal = Tmux(folder, shlex.join(command("run")))
    until(lambda: bool(detached(folder)))
    if closed:
        terminal.close()
        until(lambda: happened(folder, "run", "done"))
    else:
        terminal.press("C-c")
        until(lambda: not detached(folder), 60)
        assert not happened(folder, "train", "step")


@pytest.mark.skipif(not loopback.available(), reason="needs root and an OpenSSH server")
def test_a_lost_connection_stops_the_demo_which_resumes(tmp_path: Path) -> None:
    folder, keys = tmp_path / "demo", tmp_path / "keys"
    keys.mkdir()
    demo = shlex.join(command("demo", "--into", str(folder)))
    with loopback.sshd(keys) as ssh:
        session = Tmux(tmp_path, shlex.join([*ssh, f"cd {tmp_path} && {demo}"]))
        until(lambda: happened(folder, "train", "step"))
        (client,) = children(session.pid())
        os.kill(client, signal.SIGKILL)
        session.close()
        check_stopped(folder)
    before = len(events(folder))
    again = Tmux(tmp_path, demo)
    until(lambda: any(one.kind == "step" for one in events(folder)[before:]))
    again.close()
    check_stopped(folder)
    first = next(one for one in events(folder)[before:] if one.kind == "step")
    assert first.fields["step"] > 1
