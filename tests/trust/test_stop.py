"""A run that hangs, and a `.inuse` that lies: real processes, stopped, deaf, killed and asked."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lockfiles.errors import UsageProblem
from runner.runs.events import read
from runner.runs.holders import INUSE, holder, is_held, look, workers
from runner.supervisor import stop
from runner.supervisor.stop import Patience
from tests.programs import command, words
from tests.tui.test_cli import tunelock

HURRY = Patience(grace_seconds=0.6, margin_seconds=0.4)

Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return tmp_path / "runs" / "demo"


@pytest.fixture
def start(run: Path) -> Iterator[Start]:
    """Starts a supervisor with a stage that lives until it is asked to stop."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(hearing: str = "heeding", stage: str = "resumable") -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(
            command("stoppable_supervisor", run, hearing, *words("stage", stage))
        )
        started.append(process)
        until(lambda: bool(stage_of(run)))
        return process

    yield begin
    for process in started:
        for other in workers(run):
            os.kill(other.number, signal.SIGKILL)
        process.kill()
        process.wait()


def until(happened: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def is_gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return False


def stage_of(run: Path) -> int:
    """Return the process of the stage that started; 0 before it did."""
    told = read(run / "events.jsonl")[0]
    numbers = [e.fields["process"] for e in told if "process" in e.fields]
    return int(numbers[-1]) if numbers else 0


def ended(run: Path, patience: Patience = stop.PATIENCE) -> list[str]:
    """Stop a run and return what was told."""
    told: list[str] = []
    stop.ask(run, told.append)
    stop.wait(run, told.append, patience)
    assert not is_held(run)
    return told


def checkpoints(run: Path) -> int:
    return sum(event.kind == "checkpoint" for event in read(run / "events.jsonl")[0])


def test_a_run_that_lives_stops_with_a_checkpoint(run: Path, start: Start) -> None:
    process = start()
    assert holder(run) == process.pid and look(run).supervision == "heard"
    assert {one.number for one in workers(run)} == {process.pid, stage_of(run)}
    stopped = tunelock("stop", folder=run.parent.parent)
    assert (stopped.returncode, stopped.stdout) == (0, "")
    assert "demo: stopping at its next step" in stopped.stderr
    assert "demo: stopped; resume it with `tunelock run " in stopped.stderr
    assert (process.wait(10), checkpoints(run)) == (75, 1)


def test_a_stage_and_a_supervisor_that_were_stopped_are_woken(run: Path, start: Start) -> None:
    process = start()
    os.kill(stage_of(run), signal.SIGSTOP)
    os.kill(process.pid, signal.SIGSTOP)
    until(lambda: look(run).supervision == "silent")
    status = tunelock("status", str(run))
    assert status.stdout.startswith("demo  stalled")
    assert "the supervisor is suspended or hung" in status.stdout
    assert json.loads(tunelock("status", str(run), "--json").stdout)["supervisor"] == "silent"
    (told,) = ended(run)
    assert told == f"its supervisor (process {process.pid}) is suspended: resuming it"
    assert (process.wait(10), checkpoints(run)) == (75, 1)


def test_a_supervisor_that_is_deaf_is_ended_with_its_stage(run: Path, start: Start) -> None:
    process, begun = start("deaf"), time.monotonic()
    stage = stage_of(run)
    (told,) = ended(run, HURRY)
    assert 1.0 <= time.monotonic() - begun < 30
    assert "did not stop in time: killed" in told
    assert str(process.pid) in told and str(stage) in told
    assert process.wait(10) == -signal.SIGKILL
    until(lambda: is_gone(stage), 10)


def test_a_stage_ends_after_its_supervisor_was_killed(run: Path, start: Start) -> None:
    process = start()
    process.kill()
    process.wait()
    until(lambda: not is_held(run))


def test_a_stuck_stage_whose_supervisor_was_killed_is_asked_itself(run: Path, start: Start) -> None:
    process = start(stage="stuck")
    stage = stage_of(run)
    process.kill()
    process.wait()
    assert is_held(run) and holder(run) is None
    os.kill(stage, signal.SIGSTOP)
    status = tunelock("status", str(run))
    assert status.stdout.startswith("demo  ending")
    assert "the supervisor was killed" in status.stdout
    (told,) = ended(run)
    assert told == "its supervisor is gone: signaling its stage process directly"


def test_a_second_ctrl_c_ends_a_stage_that_hangs_at_once(run: Path, start: Start) -> None:
    process = start(stage="deaf")
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)  # the same Ctrl-C, passed on by a program around it
    time.sleep(0.7)
    os.kill(stage_of(run), signal.SIGSTOP)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 75
    assert not is_held(run)


@pytest.fixture
def bystander() -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(["sleep", "600"])
    yield process
    process.kill()
    process.wait()


@pytest.mark.parametrize(
    "text", ["", "1", "0", "-1", "{}", "{} here", "1e3", "9" * 400, "\0\xff", " {}", "+{}", "٣"]
)
def test_a_lie_in_inuse_signals_nobody(
    text: str, run: Path, bystander: "subprocess.Popen[bytes]"
) -> None:
    run.mkdir(parents=True)
    (run / INUSE).write_text(text.format(bystander.pid), "utf-8")
    (run / "events.jsonl").touch()
    with pytest.raises(UsageProblem, match="No run is active in"):
        stop.ask(run, lambda words: None)
    assert bystander.poll() is None


def test_a_lie_in_the_inuse_of_a_run_signals_its_holders_alone(
    run: Path, start: Start, bystander: "subprocess.Popen[bytes]"
) -> None:
    process = start()
    for lie in (str(bystander.pid), "1", f"{bystander.pid} elsewhere pid:[1]", "-1", ""):
        (run / INUSE).write_text(lie)
        assert look(run).supervisor is None
    told = ended(run)
    assert told[0] == "its supervisor is gone: signaling its stage process directly"
    assert process.wait(10) == 75
    assert bystander.poll() is None


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_inuse_that_is_no_file_holds_nothing(kind: str, run: Path, tmp_path: Path) -> None:
    run.mkdir(parents=True)
    if kind == "link":
        (tmp_path / "other").write_text("1")
        (run / INUSE).symlink_to(tmp_path / "other")
    elif kind == "pipe":
        os.mkfifo(run / INUSE)
    else:
        (run / INUSE).mkdir()
    assert not is_held(run)
    assert workers(run) == []
