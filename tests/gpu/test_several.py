"""The measurement of several cards: its predictions, its table, and its trainings on a CPU."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from planner.catalogue.lookup import find_accelerator
from tests.gpu.several import __main__ as several
from tests.gpu.several import busy
from tests.gpu.several.bases import base
from tests.gpu.several.line import Line, lines
from tests.gpu.several.predicted import predicted
from tests.gpu.several.summary import rows, summary
from tests.planner.memory.test_points_ranks import points

ROOT = Path(__file__).parents[2]
H200 = find_accelerator("H200")
NAMES = {"1.5B": "Qwen2.5-1.5B", "8B": "Llama-3.1-8B"}


def _line(name: str) -> Line:
    size, method, *engine = name.split()
    return Line(f"{'+'.join(engine)} {method} {NAMES[size]} micro=1", 2, tiny=False)


def test_predictions_are_those_of_the_measured_points() -> None:
    """Adapters had dropout there, and FSDP2 was accelerate's."""
    met = [one for one in points() if one.told["method"] == "full" and one.told["micro_batch"] == 1]
    met = [one for one in met if one.profile.parallel in ("zero1", "zero2", "zero3")]
    assert len(met) >= 5
    for point in met:
        words = point.profile.parallel
        words += f"+{point.profile.offload}" if point.profile.offload != "none" else ""
        line = _line(f"{point.name.split()[0]} full {words}")
        found = predicted(line, H200)
        assert found.allocated_bytes == point.estimate.peak.peak_bytes, point.name


def _measured(text: str, seconds: float, bare: Sequence[float] = ()) -> dict[str, Any]:
    ranks = 1 if text.startswith("single") else 2
    rank = {"first": {"allocated_bytes": 1}, "allocated_bytes": 2 * 10**10}
    rank |= {"reserved_bytes": 21 * 10**9, "outside_bytes": 2 * 10**9}
    pairs = [{"step_seconds": one, "runner_step_seconds": 1.0} for one in bare]
    return {
        "line": text, "ranks": ranks, "by_rank": [rank] * ranks, "step_seconds": seconds,
        "tokens_per_step": 1000 * ranks, "bare": pairs, "machine": {"card": "NVIDIA H200"},
    }  # fmt: skip


def test_the_table_sets_lines_against_one_card_and_a_bare_script() -> None:
    found = [
        _measured("single full Qwen2.5-1.5B", 1.0),
        _measured("ddp full Qwen2.5-1.5B bare=3", 1.25, [0.9, 1.1, 1.0]),
        {"line": "zero3 full Qwen2.5-1.5B", "ranks": 2, "missing": "a\nout of memory"},
    ]
    alone, ddp = rows(found)
    assert alone.efficiency is None and ddp.efficiency == pytest.approx(0.8)
    assert ddp.to_bare == 1.0 and ddp.total_bytes == 23 * 10**9
    assert ddp.memory_error == pytest.approx(ddp.expected.allocated_bytes / 2e10 - 1)
    said = "\n".join(summary(found))
    assert "| ddp full Qwen2.5-1.5B bare=3 | 2 | 20.00 |" in said
    assert "FAILED: zero3 full Qwen2.5-1.5B: out of memory" in said


def test_what_happens_at_once_counts_once() -> None:
    found = busy.joined([(7, 9), (0, 3), (2, 5), (5, 6), (1, 2)])
    assert found == [(0, 6), (7, 9)] and busy.total(found) == 8


def test_gradients_are_grouped_in_order_and_large_ones_are_alone() -> None:
    import torch

    from tests.gpu.several import exchanges

    sizes = [3, 3, 9, 1, 4]
    found = exchanges.grouped([torch.zeros(one, dtype=torch.int8) for one in sizes], 6)
    assert [[len(one) for one in some] for some in found] == [[3, 3], [9], [1, 4]]


@pytest.mark.slow
def test_every_line_of_the_tables_has_a_prediction() -> None:
    for table in several.TABLE.parent.glob("*.txt"):
        for line in lines(table, 4, tiny=False):
            assert predicted(line, H200).allocated_bytes > 0, line.text


@pytest.mark.slow
def test_a_written_base_is_complete(tmp_path: Path) -> None:
    from runner.training.loading import load_checked

    for text in ("single full Qwen2.5-1.5B", "single full Llama-3.1-8B layers=1"):
        line = Line(text, 2, tiny=True)
        place = base(line.config, tmp_path / line.words[2], "float32")
        model = load_checked(place)
        spread = float(model.model.layers[0].mlp.up_proj.weight.detach().std())
        assert spread == pytest.approx(0.02, rel=0.05)
        assert model.model.norm.weight.tolist() == [1.0] * 64


@pytest.mark.slow
def test_a_bare_script_learns_what_the_runner_does(tmp_path: Path) -> None:
    table, out = tmp_path / "lines.txt", tmp_path / "out.jsonl"
    table.write_text(
        "ddp lora Qwen2.5-1.5B bare=2 steps=5\n"
        "zero2 full Qwen2.5-1.5B rows=passes bare=1 profile=1 steps=9\n"
        "zero3 lora Qwen2.5-1.5B bare=1 steps=5\n"
        "fsdp2 full Qwen2.5-1.5B bare=1 steps=5\n"
    )
    program = [sys.executable, "-m", "tests.gpu.several", str(out), "--cpu"]
    program += ["--table", str(table), "--bases", str(tmp_path)]
    subprocess.run(program, cwd=ROOT, check=True)
    found = [json.loads(text) for text in out.read_text("utf-8").splitlines()]
    assert len(found) == 4
    for one in found:
        assert one["shares"]["wrapper"] != "PeftModelForCausalLM"
        for bare in one["bare"]:
            assert bare["losses"] == pytest.approx(one["losses"], rel=1e-5)
            assert bare["shares"] == one["shares"]
            assert bare["tokens_per_step"] == one["tokens_per_step"]
    profiled = found[1]
    assert "allreduce" in profiled["busy"]["host"] and profiled["busy"]["kernels"] == 0
    assert {one["collective"] for one in profiled["exchanged"]} >= {"all-reduce"}
    subprocess.run(program, cwd=ROOT, check=True)
    assert len(out.read_text("utf-8").splitlines()) == 4
