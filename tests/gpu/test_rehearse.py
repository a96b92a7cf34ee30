"""`tunelock rehearse` of large models on a card: no weights, no rows, and how long it takes.

pytest -s -m gpu tests/gpu/test_rehearse.py
"""

import json
import time
from pathlib import Path

import pytest

from lockfiles import digest
from lockfiles import lock as locks
from planner.fit import models
from planner.machines.probes.probe import probe
from planner.memory import estimate
from planner.search.budget import whole_card_bytes
from planner.setup.setup import Kind
from runner.inputs.setup import model_of, profile_of
from tests.gpu.locks import rewrite
from tests.gpu.trials import config
from tests.journeys.demo_folder import small, tunelock

CARDS = probe(Path("/")).gpus
pytestmark = [pytest.mark.gpu, pytest.mark.slow]
needs_card = pytest.mark.skipif(not CARDS, reason="there is no NVIDIA GPU here")
LENGTH = 2048


def lock_of(folder: Path, name: str, kind: Kind, micro_batch: int) -> Path:
    """Write a lock for a model of which only the `config.json` is here, and return it."""
    small(folder, machine__device="cuda", train__exact=False, method__kind=kind)
    assert tunelock(folder, "plan").returncode == 0
    (folder / "run.toml").unlink()
    at, model = folder / "run.lock", models.find(name)
    file = folder / "model" / "config.json"
    file.parent.mkdir()
    file.write_text(json.dumps(config(model.name)), "utf-8")
    shape = vars(model.architecture) | {}
    made = rewrite(
        at,
        model={
            "family": shape.pop("family"),
            "context_tokens": shape.pop("context"),
            "architecture": shape,
            "parameters": model.parameters,
            "files": [
                {"name": file.name, "size_bytes": file.stat().st_size,
                 "sha256": digest.of_file(file)}
            ],
        },
        stream={"max_length_tokens": LENGTH},
        train={"micro_batch": micro_batch, "accumulation": 4, "checkpointing": True},
    )  # fmt: skip
    peak = estimate(model_of(made), profile_of(made, LENGTH, padded=micro_batch > 1)).peak
    predicted = {"phase": peak.name, "peak_bytes": peak.peak_bytes}
    rewrite(at, prediction=predicted | {"components": dict(peak.components)})
    return at


@needs_card
@pytest.mark.parametrize(
    ("name", "micro_batch", "seconds"), [("Qwen3-8B", 4, 60), ("Llama-3.1-70B", 1, 120)]
)
def test_a_large_model_is_rehearsed_in_time(
    name: str, micro_batch: int, seconds: int, tmp_path: Path
) -> None:
    at = lock_of(tmp_path / "run", name, "qlora", micro_batch)
    needed = whole_card_bytes(locks.read(at).training().prediction.peak_bytes)
    if needed > CARDS[0].free_bytes:
        pytest.skip(f"{name} needs {needed / 1e9:.0f} GB")
    began = time.monotonic()
    done = tunelock(at.parent, "rehearse", "--locate", "model=model")
    taken = time.monotonic() - began
    print(f"\n{name}: {taken:.0f} s\n{done.stdout}")
    assert done.returncode == 0, done.stderr
    assert taken < seconds
    found = json.loads((at.parent / "rehearsal.json").read_text("utf-8"))
    assert found["machine"]["card"] == CARDS[0].name


@needs_card
def test_a_plan_that_is_too_large_is_exit_code_4_and_the_next_plan_is_smaller(
    tmp_path: Path,
) -> None:
    at = lock_of(tmp_path / "run", "Qwen3-8B", "lora", 512)
    done = tunelock(at.parent, "rehearse", "--locate", "model=model")
    assert done.returncode == 4
    assert "Does not fit" in done.stdout
    assert "`micro_batch = 256` under `[method]`" in done.stderr
    found = json.loads((at.parent / "rehearsal.json").read_text("utf-8"))
    assert found["measured"]["out_of_memory"]


@pytest.mark.skipif(len(CARDS) < 2, reason="there are no two NVIDIA GPUs here")
@pytest.mark.parametrize("engine", ["ddp", "zero2", "zero3", "fsdp2"])
def test_each_card_is_measured(engine: str, tmp_path: Path) -> None:
    several = {"machine__processes": 2, "machine__parallel": engine, "method__kind": "lora"}
    folder = small(tmp_path, machine__device="cuda", train__exact=False, **several)
    assert tunelock(folder, "plan").returncode == 0
    done = tunelock(folder, "rehearse", "--json")
    print(done.stderr, done.stdout)
    assert done.returncode == 0, done.stderr
    measured = json.loads(done.stdout)["measured"]
    assert [one["rank"] for one in measured["processes"]] == [0, 1]
    assert all(one["outside_bytes"] > 0 for one in measured["processes"])
    assert measured["host_seconds"] > 0
    large = [one for one in measured["exchanged"] if one["tensor_bytes"] > 200 << 20]
    assert large and all(one["sent_bytes"] / one["seconds"] > 1e9 for one in large)
    planned = tunelock(folder, "plan", "--facts", "rehearsal.json")
    assert planned.returncode == 0, planned.stderr
    made = locks.read(folder / "run.lock").training()
    assert made.machine.card_bytes_per_second > 1e9


@needs_card
def test_the_fastest_plan_is_found_in_a_minute(tmp_path: Path) -> None:
    """The demo's plans: with and without recorded passes, and with compiled layers if time is
    left."""
    folder = small(tmp_path / "demo", machine__device="cuda", train__exact=False, train__epochs=50)
    assert tunelock(folder, "plan").returncode == 0
    began = time.monotonic()
    done = tunelock(folder, "rehearse", "--tune", "--json")
    print(done.stderr, done.stdout, f"{time.monotonic() - began:.0f} s")
    assert done.returncode == 0, done.stderr
    tuned = json.loads(done.stdout)["tuned"]
    timed = [one for one in tuned["finalists"] if not one["untimed"]]
    assert len(timed) > 1 and not any(one["untimed"] == "failed" for one in tuned["finalists"])
    planned = tunelock(folder, "plan", "--facts", "rehearsal.json")
    assert planned.returncode == 0, planned.stderr
    assert "Timed on the same rows" in planned.stdout
