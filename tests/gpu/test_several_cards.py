"""The `tunelock` command itself on two NVIDIA GPUs of one host, under each engine.

pytest -s -m gpu tests/gpu/test_several_cards.py

The demo is rehearsed, trained in two processes, killed and resumed, evaluated, and merged. Its
losses are compared with those of one process, in bf16.
"""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from lockfiles import lock as locks
from planner.machines.probes.probe import probe
from tests.gpu.test_pipeline import apart, carried_out, done, killed_and_gone_on, losses, tell
from tests.journeys.demo_folder import small

CARDS = probe(Path("/")).gpus
pytestmark = [
    pytest.mark.gpu,
    pytest.mark.slow,
    pytest.mark.skipif(len(CARDS) < 2, reason="there are not two NVIDIA GPUs here"),
]
EPOCHS = 4
BF16 = 0.03
"""How far losses in bf16 may be apart, in nats. They begin at 7 and end below 0.2, with full
weights below 0.002. Measured on two H100s: 0.018 at most."""
WAYS = [
    ("ddp", "lora"), ("ddp", "qlora"), ("ddp", "full"), ("zero1", "lora"), ("zero2", "full"),
    ("zero3", "lora"), ("zero3", "full"), ("fsdp2", "lora"), ("fsdp2", "full"),
    ("ddp recorded", "lora"), ("ddp recorded", "qlora"), ("ddp recorded", "full"),
]  # fmt: skip
RECORDED = " recorded"
"""What follows an engine whose passes are recorded as CUDA graphs."""


def planned(folder: Path, kind: str, processes: int, engine: str = "") -> Path:
    """Plan the demo for some cards."""
    changes: dict[str, object] = {}
    if engine:
        changes["machine__parallel"] = engine.removesuffix(RECORDED)
        changes["method__cuda_graphs"] = "on" if engine.endswith(RECORDED) else "off"
    made = small(
        folder, machine__device="cuda", machine__processes=processes, train__exact=False,
        method__kind=kind, method__dropout=0.0, train__epochs=EPOCHS, results__gguf=[], **changes,
    )  # fmt: skip
    done(made, "plan")
    if engine:
        locked = locks.read(made / "run.lock").training()
        assert locked.parallel.processes == processes
        assert engine == locked.parallel.engine + RECORDED * bool(locked.train.graph_sizes)
    return made


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], dict[int, float]]:
    """The losses of one process, by method."""

    @cache
    def found(kind: str) -> dict[int, float]:
        folder = planned(tmp_path_factory.mktemp(kind), kind, 1)
        carried_out(folder, "runs")
        return losses(folder, "runs")

    return found


@pytest.mark.parametrize(("engine", "kind"), WAYS)
def test_two_cards_train_as_one_does(
    engine: str, kind: str, alone: Callable[[str], dict[int, float]], tmp_path: Path
) -> None:
    folder = planned(tmp_path, kind, 2, engine)
    locked = locks.read(folder / "run.lock").training()
    made = carried_out(folder, "runs")
    assert made.evaluation.tuned and made.evaluation.base and made.measured.peak_bytes
    difference = apart(losses(folder, "runs"), alone(kind))
    error = locked.prediction.peak_bytes / made.measured.peak_bytes - 1
    tell(
        f"two cards {engine} {kind}", apart=round(difference, 4), error=f"{error:+.2%}",
        kernels=locked.train.kernels, attention=locked.train.attention,
        tuned=made.evaluation.tuned.accuracy,
    )  # fmt: skip
    assert difference < BF16
    assert made.evaluation.tuned.accuracy > made.evaluation.base.accuracy


@pytest.mark.parametrize("engine", ["ddp recorded", "ddp", "zero3", "fsdp2"])
def test_a_killed_process_of_two_is_resumed(engine: str, tmp_path: Path) -> None:
    folder = planned(tmp_path, "lora", 2, engine)
    carried_out(folder, "first")
    resumed = killed_and_gone_on(folder)
    difference = apart(losses(folder, "killed"), losses(folder, "first"))
    tell(f"two cards {engine} resumed", apart=round(difference, 4))
    assert difference < BF16
    assert resumed.evaluation.tuned


@pytest.mark.parametrize("engine", ["ddp recorded", "ddp", "zero2", "zero3", "fsdp2"])
def test_two_cards_are_rehearsed(engine: str, tmp_path: Path) -> None:
    folder = planned(tmp_path, "full", 2, engine)
    said = done(folder, "rehearse")
    found = json.loads((folder / "rehearsal.json").read_text("utf-8"))["measured"]
    tell(f"two cards {engine} rehearsed", measured=found)
    assert not found["out_of_memory"] and found["exchanged"]
    assert [one["rank"] for one in found["processes"]] == [0, 1]
    assert "each of 2 processes" in " ".join(said.split())
