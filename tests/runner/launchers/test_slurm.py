"""The script on a real Slurm: submitted, preempted, stopped by a signal, requeued, finished."""

import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runner.runs.events import read
from tests.runner.engines.test_continuing import stopped
from tests.runner.engines.test_ddp import STEPS, planned
from tests.runner.launchers.cluster import Cluster, cluster
from tests.tui.test_cli import tunelock

pytestmark = pytest.mark.slow


def kinds(folder: Path, kind: str) -> list[int]:
    """Return the steps of the events of a kind, of the training."""
    found = [one for path in folder.glob("runs/*/events.jsonl") for one in read(path)[0]]
    return [one.fields["step"] for one in found if (one.stage, one.kind) == ("train", kind)]


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder with a short path: names of sockets in it have 107 bytes at most."""
    with tempfile.TemporaryDirectory(prefix="slurm-") as short:
        yield Path(short)


def test_a_job_is_requeued_until_it_is_done(tmp_path: Path, place: Path) -> None:
    folder = _launched(tmp_path / "run")
    with cluster(place, Path(sys.executable).parent) as own:
        job = _submitted(own, folder)
        _preempted(own, job, folder)
        _signaled(own, job, folder)
        said = _completed(own, job, folder)
        assert own.job(job)["Restarts"] == "2"
    assert kinds(folder, "step") == list(range(1, 2 * STEPS + 1)), said
    assert "run  done" in said


def test_a_requeued_job_resumes_its_own_run(tmp_path: Path, place: Path) -> None:
    """It continues another run once; later, it does not need that one."""
    former = stopped(planned(tmp_path / "before", 1, train__epochs=6))
    made = kinds(tmp_path / "before", "step")[-1]
    folder = _launched(tmp_path / "run", "--continue-from", str(former))
    with cluster(place, Path(sys.executable).parent) as own:
        job = _submitted(own, folder)
        _preempted(own, job, folder)
        shutil.rmtree(former)
        said = _completed(own, job, folder)
        assert own.job(job)["Restarts"] == "1"
    assert kinds(folder, "step") == list(range(made + 1, 2 * STEPS + 1)), said
    assert said.count("the other machines check the copy 1 of 1 machines") == 1
    assert f"continued from step {made} of {former.name}" in said


def _launched(folder: Path, *options: str) -> Path:
    """Write the script of a lock for two machines to its folder."""
    planned(folder, 2, train__epochs=6, machine__nodes=2)
    done = tunelock("launch", "run.lock", "--slurm", *options, "--out", "job.sh", folder=folder)
    assert done.returncode == 0, done.stderr
    return folder


def _submitted(own: Cluster, folder: Path) -> str:
    """Submit the script, on one machine that stands for two, and return the job's number."""
    spread = ("--nodes=1", "--ntasks-per-node=2")
    return own.command("sbatch", "--parsable", *spread, "job.sh", at=folder)


def _completed(own: Cluster, job: str, folder: Path) -> str:
    """Wait until the job is done, and return what it said."""
    _until(lambda: _state(own, job) in ("COMPLETED", "FAILED"), own, job)
    said = "".join(path.read_text("utf-8") for path in folder.glob("*.log"))
    assert _state(own, job) == "COMPLETED", said
    return said


def _preempted(own: Cluster, job: str, folder: Path) -> None:
    """Let a job of another partition take the machine after the first checkpoint."""
    _until(lambda: kinds(folder, "checkpoint"), own, job)
    urgent = own.command("sbatch", "--parsable", "--partition=urgent", "--ntasks=2",
                         "--wrap", "sleep 1")  # fmt: skip
    _until(lambda: _state(own, urgent) == "COMPLETED", own, job)
    assert _state(own, job) == "PENDING" and own.job(job)["Restarts"] == "1"
    steps = kinds(folder, "step")
    assert kinds(folder, "checkpoint")[-1] == steps[-1] < 2 * STEPS


def _signaled(own: Cluster, job: str, folder: Path) -> None:
    """Signal the job as Slurm does before the time limit, after the next checkpoint."""
    before = len(kinds(folder, "checkpoint"))
    _until(lambda: len(kinds(folder, "checkpoint")) > before, own, job)
    own.command("scancel", "--batch", "--signal=TERM", job)
    _until(lambda: own.job(job)["Restarts"] == "2", own, job)


def test_a_cancelled_job_is_not_requeued(tmp_path: Path, place: Path) -> None:
    folder = _launched(tmp_path / "run")
    with cluster(place, Path(sys.executable).parent) as own:
        job = _submitted(own, folder)
        _until(lambda: kinds(folder, "step"), own, job)
        own.command("scancel", job)
        _until(lambda: own.job(job)["JobState"] == "CANCELLED", own, job)
        time.sleep(5)
        assert own.job(job)["Restarts"] == "0" and _state(own, job) == "CANCELLED"


def _state(own: Cluster, job: str) -> str:
    return own.job(job)["JobState"]


def _until(happened: Callable[[], object], own: Cluster, job: str, seconds: float = 240) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, own.job(job)
        time.sleep(0.3)
