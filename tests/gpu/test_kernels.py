"""Compiled layers and CUDA graphs on the real road: planned, run, killed and resumed on a GPU.

pytest -s -m gpu tests/gpu/test_kernels.py
"""

from pathlib import Path

import pytest

from lockfiles import lock as locks
from tests.gpu.shapes import write_intent
from tests.gpu.test_pipeline import (
    apart,
    carried_out,
    compare_memory,
    done,
    killed_and_gone_on,
    losses,
    pytestmark,
    tell,
)
from tests.gpu.test_pipeline import base as base
from tests.journeys.demo_folder import small

__all__ = ["pytestmark"]
WAYS = {
    "eager": ("off", "off"),
    "compiled": ("on", "off"),
    "recorded": ("off", "on"),
    "both": ("on", "on"),
}


def _planned(folder: Path, base: Path, way: str, **changes: object) -> Path:
    compiled, recorded = WAYS[way]
    usual: dict[str, object] = {"method__dropout": 0.0, "train__effective_batch": 8}
    write_intent(
        folder, base, 96, method__compile=compiled, method__cuda_graphs=recorded,
        **usual | changes,
    )  # fmt: skip
    done(folder, "plan")
    return folder


def _losses(folder: Path, runs: str) -> list[float]:
    return list(losses(folder, runs).values())


@pytest.mark.parametrize("kind", ["lora", "qlora", "full"])
def test_each_way_to_compute_layers_learns_the_same(kind: str, base: Path, tmp_path: Path) -> None:
    found = {}
    for way in WAYS:
        folder = _planned(tmp_path / way, base, way, method__kind=kind)
        lock = locks.read(folder / "run.lock").training()
        assert (lock.train.kernels == "compiled") == (WAYS[way][0] == "on")
        assert bool(lock.train.graph_sizes) == (WAYS[way][1] == "on")
        made = carried_out(folder, "runs")
        found[way] = _losses(folder, "runs")
        tell(
            f"{kind} {way}", step_seconds=made.measured.step_seconds,
            planned=lock.prediction.step_seconds, peak=made.measured.peak_bytes,
            predicted=lock.prediction.peak_bytes, losses=found[way][:2] + found[way][-2:],
        )  # fmt: skip
    for way, own in found.items():
        assert own == pytest.approx(found["eager"], rel=5e-3), way


@pytest.mark.parametrize("kind", ["lora", "qlora"])
def test_dropout_in_layers_that_are_computed_again(kind: str, base: Path, tmp_path: Path) -> None:
    found = {}
    for way in ("eager", "compiled"):
        folder = _planned(
            tmp_path / way, base, way, method__kind=kind, method__dropout=0.1,
            method__checkpointing="on",
        )  # fmt: skip
        made = carried_out(folder, "runs")
        found[way] = _losses(folder, "runs")
        compare_memory(f"{kind} {way} with dropout, computed again", folder, made)
    assert found["compiled"] == pytest.approx(found["eager"], rel=0.03), "the masks differ"


@pytest.mark.parametrize("kind", ["lora", "qlora"])
def test_a_run_with_both_is_killed_and_resumed(kind: str, base: Path, tmp_path: Path) -> None:
    folder = _planned(tmp_path, base, "both", method__kind=kind, train__epochs=30)
    carried_out(folder, "whole")
    killed_and_gone_on(folder)
    whole, resumed = losses(folder, "whole"), losses(folder, "killed")
    difference = apart(resumed, whole)
    tell(f"{kind} resumed", apart=round(difference, 4), steps=len(whole))
    assert difference < 0.05


def test_products_in_fp8_learn_the_same(base: Path, tmp_path: Path) -> None:
    found = {}
    for products in ("bf16", "fp8"):
        folder = _planned(
            tmp_path / products, base, "compiled", method__kind="lora",
            method__base_products=products,
        )  # fmt: skip
        lock = locks.read(folder / "run.lock").training()
        assert lock.train.base_products == products
        made = carried_out(folder, "runs")
        found[products] = _losses(folder, "runs")
        tell(
            f"lora {products}", step_seconds=made.measured.step_seconds,
            planned=lock.prediction.step_seconds, peak=made.measured.peak_bytes,
            predicted=lock.prediction.peak_bytes, losses=found[products][-2:],
        )  # fmt: skip
    assert found["fp8"] == pytest.approx(found["bf16"], rel=0.03)


@pytest.mark.parametrize("way", WAYS)
def test_the_demo_is_as_accurate(way: str, tmp_path: Path) -> None:
    compiled, recorded = WAYS[way]
    folder = small(
        tmp_path, machine__device="cuda", train__exact=False, train__epochs=8, results__gguf=[],
        method__compile=compiled, method__cuda_graphs=recorded,
    )  # fmt: skip
    done(folder, "plan")
    made = carried_out(folder, "runs")
    assert made.evaluation.base and made.evaluation.tuned
    tell(f"demo {way}", tuned=made.evaluation.tuned.accuracy, held_out=made.evaluation.tuned.rows)
    assert made.evaluation.tuned.accuracy > 0.5 > 0.2 > made.evaluation.base.accuracy
