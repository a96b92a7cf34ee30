"""Two processes under torchrun train the demo: as one does, and killed, stopped and resumed."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from lockfiles.errors import UsageProblem
from runner.runs.events import Event, read
from runner.runs.folder import Held
from runner.runs.holders import Process, is_held, look, workers
from runner.runs.whole import is_whole
from tests.journeys.demo_folder import ENVIRONMENT, command, small, tunelock
from tests.runner.engines.sockets import listening

PLAIN: dict[str, Any] = {
    "train__exact": False, "method__dropout": 0.0, "method__micro_batch": 8, "results__gguf": [],
    "results__merge": False, "results__evaluate": False, "results__samples": 0,
}  # fmt: skip
STEPS = 27
"""Of three epochs; each ends with a step of 7 rows, of which one process has none."""


def planned(folder: Path, processes: int, **changes: Any) -> Path:
    """Plan the demo's training for some processes and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    small(folder, **PLAIN | {"train__epochs": 3, "machine__processes": processes} | changes)
    done = tunelock(folder, "plan", "run.toml")
    assert done.returncode == 0, done.stderr
    return folder


def run_of(folder: Path) -> Path:
    (run,) = (folder / "runs").iterdir()
    return run


def events(folder: Path, kind: str = "") -> list[Event]:
    """Return the events of the training, of one kind or of all."""
    runs = list((folder / "runs").glob("*"))
    found = read(runs[0] / "events.jsonl")[0] if runs else []
    return [one for one in found if one.stage == "train" and kind in ("", one.kind)]


def finished(folder: Path) -> Path:
    """Carry out the lock of a folder to its end."""
    done = tunelock(folder, "run", "run.lock", "--foreground")
    assert done.returncode == 0, done.stderr + log(folder)
    return folder


def log(folder: Path) -> str:
    return (run_of(folder) / "log.txt").read_text("utf-8")


def adapter(folder: Path) -> dict[str, Any]:
    return load_file(run_of(folder) / "stages" / "02-train" / "result/adapter_model.safetensors")


def apart(one: Path, other: Path) -> float:
    """Return the greatest relative distance of two adapters' tensors."""
    left, right = adapter(one), adapter(other)
    assert left.keys() == right.keys() and left
    return max(float((left[k] - right[k]).norm() / left[k].norm()) for k in left)


def until(happened: Callable[[], Any], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


@pytest.mark.slow
def test_two_processes_train_in_a_folder_with_a_long_path(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 110) / ("e" * 90)
    folder = finished(planned(deep, 2, train__epochs=1))
    run = run_of(folder)
    assert len(str(run)) > 200
    steps = [one.fields for one in events(folder, "step")]
    assert [one["step"] for one in steps] == list(range(1, 10)), "of one process alone"
    for one in steps:
        assert len(one["rank_peak_bytes"]) == 2
        assert one["peak_bytes"] >= max(one["rank_peak_bytes"])
    assert [len(events(folder, kind)) for kind in ("started", "done", "failed")] == [1, 1, 0]
    left = {path.name for path in run.iterdir()}
    assert left == {"receipt.json", "report.html", "run.lock", "stages", "events.jsonl", "log.txt",
                    ".inuse"}  # fmt: skip
    assert {path.name for path in (run / "stages" / "02-train").iterdir()} == {
        "begun.json", "done.json", "job.json", "report.json", "result"
    }  # fmt: skip
    peak = json.loads((run / "receipt.json").read_bytes())["measured"]["peak_bytes"]
    assert peak >= max(steps[-1]["rank_peak_bytes"])


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The training of one process, done."""
    return finished(planned(tmp_path_factory.mktemp("alone"), 1))


@pytest.mark.slow
def test_two_processes_train_what_one_does(alone: Path, tmp_path: Path) -> None:
    two = finished(planned(tmp_path, 2))
    for kind, count in (("step", STEPS), ("evaluation", 6)):
        left, right = events(alone, kind), events(two, kind)
        assert len(left) == len(right) == count
        for one, other in zip(left, right, strict=True):
            assert one.fields["step"] == other.fields["step"]
            assert other.fields["loss"] == pytest.approx(one.fields["loss"], rel=1e-4)
            for key in ("tokens", "learning_rate"):
                assert one.fields.get(key) == other.fields.get(key)
    assert apart(alone, two) < 1e-3


@pytest.fixture
def running(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A run of two processes in its folder, past its first checkpoint."""
    planned(tmp_path, 2)
    process = subprocess.Popen(
        command("run", "run.lock", "--foreground"), cwd=tmp_path, env=ENVIRONMENT,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    until(lambda: process.poll() is not None or events(tmp_path, "checkpoint"))
    assert process.poll() is None, log(tmp_path)
    yield process
    process.kill()
    process.wait()
    for worker in workers(run_of(tmp_path)):
        os.kill(worker.number, signal.SIGKILL)


def trainers(folder: Path) -> dict[int, Process]:
    """Return the processes that train, by rank."""
    run, found = run_of(folder), {}
    for one in workers(run):
        words = Path(f"/proc/{one.number}/environ").read_bytes().split(b"\0")
        ranks = [int(word[5:]) for word in words if word.startswith(b"RANK=")]
        found.update(dict.fromkeys(ranks, one))
    return found


def parent(number: int) -> int:
    words = Path(f"/proc/{number}/stat").read_text("ascii").rpartition(")")[2].split()
    return int(words[1])


@pytest.mark.slow
@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_process_ends_the_run_and_it_resumes(
    victim: int, running: "subprocess.Popen[bytes]", alone: Path, tmp_path: Path
) -> None:
    both = trainers(tmp_path)
    assert set(both) == {0, 1}
    os.kill(both[victim].number, signal.SIGKILL)
    begun = time.monotonic()
    assert running.wait(10) == 1
    assert time.monotonic() - begun < 10
    assert not is_held(run_of(tmp_path)) and not events(tmp_path, "failed")
    last = read(run_of(tmp_path) / "events.jsonl")[0][-1]
    assert f"Process {victim} of `train` was ended by SIGKILL" in last.fields["message"]
    steps = len(events(tmp_path, "step"))
    finished(tmp_path)
    resumed = [one.fields["step"] for one in events(tmp_path, "step")][steps:]
    assert resumed[0] > 1 and resumed[-1] == STEPS
    assert apart(alone, tmp_path) < 1e-3


@pytest.mark.slow
def test_a_stop_leaves_one_checkpoint_that_both_agree_on(
    running: "subprocess.Popen[bytes]", alone: Path, tmp_path: Path
) -> None:
    both = [one.number for one in trainers(tmp_path).values()]
    assert listening(both) == {"127.0.0.1"}
    assert not listening({parent(number) for number in both}), "torchrun meets through files"
    before = len(events(tmp_path, "checkpoint"))
    running.send_signal(signal.SIGTERM)
    assert running.wait(60) == 75
    told = events(tmp_path, "checkpoint")[before:]
    steps = [one.fields["step"] for one in events(tmp_path, "step")]
    assert [one.fields["step"] for one in told] == [steps[-1]]
    place = run_of(tmp_path) / "stages" / "02-train.partial" / f"checkpoint-{steps[-1]}"
    assert is_whole(place)
    assert {"rng_state_0.pth", "rng_state_1.pth"} <= {path.name for path in place.iterdir()}
    finished(tmp_path)
    assert [one.fields["step"] for one in events(tmp_path, "step")] == list(range(1, STEPS + 1))
    assert apart(alone, tmp_path) < 1e-3


@pytest.mark.slow
def test_what_fails_in_another_process_is_told_once(tmp_path: Path) -> None:
    planned(tmp_path, 2)
    process = subprocess.Popen(
        command("run", "run.lock", "--foreground"), cwd=tmp_path, env=ENVIRONMENT,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    until(lambda: list(tmp_path.glob("runs/*/stages/02-train.partial/job.json")))
    (run_of(tmp_path) / "stages" / "02-train.partial" / ".process-1").write_text("in the way")
    _, told = process.communicate(timeout=120)
    assert process.returncode == 1 and not is_held(run_of(tmp_path))
    (failed,) = events(tmp_path, "failed")
    assert ".process-1`: File exists." in failed.fields["message"]
    assert f"error: {failed.fields['message']}" in told


@pytest.mark.slow
def test_a_second_runner_is_refused_while_a_worker_lives(
    running: "subprocess.Popen[bytes]", tmp_path: Path
) -> None:
    run, both = run_of(tmp_path), trainers(tmp_path)
    again = tunelock(tmp_path, "run", "run.lock", "--foreground")
    assert again.returncode == 2 and "in use by another run" in again.stderr
    for one in both.values():
        os.kill(one.number, signal.SIGSTOP)
    running.kill()
    running.wait()
    assert is_held(run) and look(run).supervision == "gone"
    with pytest.raises(UsageProblem, match="in use by another run"):
        Held(run, orphan_seconds=0.5)
    os.kill(both[0].number, signal.SIGKILL)
    with pytest.raises(UsageProblem, match="in use by another run"):
        Held(run, orphan_seconds=0.5)
    stopped = tunelock(tmp_path, "stop", str(run))
    assert stopped.returncode == 0, stopped.stderr
    assert not is_held(run)
