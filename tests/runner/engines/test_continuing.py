"""`tunelock run --continue-from`: a training that moves to other engines and processes."""

import json
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from runner.runs.events import Event, read
from runner.runs.holders import workers
from tests.journeys.demo_folder import ENVIRONMENT, command, tunelock
from tests.runner.engines.test_ddp import STEPS, adapter, planned, run_of, until
from tests.runner.engines.test_shared_runs import alone as alone

pytest.importorskip("deepspeed")
pytestmark = pytest.mark.slow
Way = tuple[str, int]
"""An engine and its processes."""


def plan(folder: Path, way: Way, **changes: Any) -> None:
    """Plan the training of a folder for an engine."""
    if way[0].startswith(("zero", "fsdp")):
        changes["machine__parallel"] = way[0]
    planned(folder, way[1], **{"method__micro_batch": min(8, 16 // way[1]), **changes})


def steps(run: Path) -> Sequence[Event]:
    return [one for one in read(run / "events.jsonl")[0] if one.kind == "step"]


def stopped(folder: Path) -> Path:
    """Start the run of a folder, stop it after its first checkpoint, and return its run folder."""
    process = subprocess.Popen(
        command("run", "run.lock", "--foreground"), cwd=folder, env=ENVIRONMENT,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    found = folder / "runs"
    until(
        lambda: (
            process.poll() is not None or list(found.glob("*/stages/*/checkpoint-*/whole.json"))
        ),
        300,
    )
    process.send_signal(signal.SIGTERM)
    assert process.wait(120) == 75, (run_of(folder) / "log.txt").read_text("utf-8")
    return run_of(folder)


def contents(run: Path) -> dict[str, bytes]:
    return {str(one): one.read_bytes() for one in run.rglob("*") if one.is_file()}


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (("single", 1), ("zero3", 2)),
        (("zero2", 2), ("single", 1)),
        (("ddp", 2), ("fsdp2", 2)),
        (("fsdp2", 2), ("ddp", 4)),
        (("ddp", 2), ("single", 1)),
    ],
)
def test_a_training_continues_on_other_processes(
    first: Way, then: Way, alone: Path, tmp_path: Path
) -> None:
    plan(tmp_path, first)
    run = stopped(tmp_path)
    before, made = contents(run), len(steps(run))
    assert 0 < made < STEPS
    plan(tmp_path, then)
    done = tunelock(tmp_path, "run", "run.lock", "--foreground", "--continue-from", str(run))
    assert done.returncode == 0, done.stderr
    assert contents(run) == before, "the former run is only read"
    (own,) = (one for one in (tmp_path / "runs").iterdir() if one != run)
    whole = {one.fields["step"]: one.fields["loss"] for one in steps(run_of(alone))}
    found = {one.fields["step"]: one.fields["loss"] for one in steps(own)}
    assert list(found) == list(range(made + 1, STEPS + 1))
    for step, loss in found.items():
        assert loss == pytest.approx(whole[step], rel=1e-4)
    receipt = json.loads((own / "receipt.json").read_bytes())
    assert (receipt["continued"]["run"], receipt["continued"]["step"]) == (run.name, made)
    assert "continued from step" in done.stdout
    left, right = adapter(alone), adapter_of(own)
    assert max(float((left[k] - right[k]).norm() / left[k].norm()) for k in left) < 1e-3
    assert not workers(own)


def adapter_of(run: Path) -> Any:
    from safetensors.torch import load_file

    return load_file(run / "stages" / "02-train" / "result" / "adapter_model.safetensors")


def test_another_training_is_refused(tmp_path: Path) -> None:
    plan(tmp_path, ("single", 1))
    run = stopped(tmp_path)
    planned(tmp_path, 2, train__learning_rate=1e-4)
    done = tunelock(tmp_path, "run", "run.lock", "--foreground", "--continue-from", str(run))
    assert done.returncode == 2
    assert "`train.learning_rate` is" in done.stderr and "tunelock diff" in done.stderr
    assert list((tmp_path / "runs").iterdir()) == [run]
