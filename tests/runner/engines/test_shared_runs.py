"""Runs under engines that share the states: killed, resumed, evaluated and saved as any other."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from safetensors.torch import load_file

from runner.runs.events import read
from runner.runs.holders import is_held, workers
from tests.journeys.demo_folder import ENVIRONMENT, command
from tests.runner.engines.test_ddp import (
    STEPS,
    apart,
    events,
    finished,
    log,
    planned,
    run_of,
    trainers,
    until,
)

pytest.importorskip("deepspeed")


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The training of one process, done."""
    return finished(planned(tmp_path_factory.mktemp("alone"), 1))


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["zero2", "zero3", "fsdp2"])
def test_a_killed_rank_ends_the_run_and_it_resumes(
    engine: str, alone: Path, tmp_path: Path
) -> None:
    planned(tmp_path, 2, machine__parallel=engine)
    process = subprocess.Popen(
        command("run", "run.lock", "--foreground"),
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until(lambda: process.poll() is not None or events(tmp_path, "checkpoint"), 300)
    assert process.poll() is None, log(tmp_path)
    both = trainers(tmp_path)
    assert set(both) == {0, 1}
    os.kill(both[1].number, signal.SIGKILL)
    begun = time.monotonic()
    assert process.wait(15) == 1
    assert time.monotonic() - begun < 15
    run = run_of(tmp_path)
    assert not is_held(run) and not workers(run) and not events(tmp_path, "failed")
    last = read(run / "events.jsonl")[0][-1]
    assert "Process 1 of `train` was ended by SIGKILL" in last.fields["message"]
    steps = len(events(tmp_path, "step"))
    finished(tmp_path)
    resumed = [one.fields for one in events(tmp_path, "step")][steps:]
    assert resumed[0]["step"] > 1 and resumed[-1]["step"] == STEPS
    first = {one.fields["step"]: one.fields["loss"] for one in events(alone, "step")}
    for one in resumed:
        assert one["loss"] == pytest.approx(first[one["step"]], rel=1e-4)
    assert apart(alone, tmp_path) < 1e-3
    assert not workers(run)


@pytest.mark.slow
def test_full_weights_of_many_ranks_are_evaluated_and_merged(tmp_path: Path) -> None:
    """The stages after the training read what two processes have gathered."""
    full = {"method__kind": "full", "train__epochs": 1, "results__evaluate": True}
    planned(tmp_path / "two", 2, machine__parallel="fsdp2", **full)
    finished(tmp_path / "two")
    both = finished(planned(tmp_path / "one", 1, **full)), tmp_path / "two"
    paths = [run_of(at) / "stages" / "02-train" / "result" for at in both]
    left, right = (load_file(next(path.glob("*.safetensors"))) for path in paths)
    assert left.keys() == right.keys() and {v.dtype for v in left.values()} == {
        v.dtype for v in right.values()
    }
    assert max(float((left[k] - right[k]).norm() / left[k].norm()) for k in left) < 1e-3
    scores = [json.loads((run_of(at) / "receipt.json").read_bytes())["evaluation"] for at in both]
    for model, apart_at_most in (("base", 1e-6), ("tuned", 1e-3)):
        first, second = (score[model] for score in scores)
        assert second["loss"] == pytest.approx(first["loss"], rel=apart_at_most)
        assert second["rows"] == first["rows"] > 0
