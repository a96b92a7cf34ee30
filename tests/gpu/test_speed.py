"""The comparison of sides: its table, its rows, its ratios, and each side with a tiny model."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from planner.fit import machines
from tests.gpu.speed import chosen, models, rows
from tests.gpu.speed.__main__ import SIDES, TABLE
from tests.gpu.speed.line import Line, lines
from tests.gpu.speed.profiled import by_kind, shares
from tests.gpu.speed.summary import mean, summary

ROOT = Path(__file__).parents[2]


def test_the_table_names_models_and_sides_that_exist() -> None:
    every = [Line(text) for text in lines(TABLE)]
    assert len({line.text for line in every}) == len(every)
    for line in every:
        assert line.side in SIDES
        if line.side != "card":
            assert models.shape_of(line).layers
            assert line.rows in ("chat", "gsm8k")
            assert line.seconds(20) < 300


def test_rows_are_enough_and_the_same_for_all_sides() -> None:
    guide, other = Line("guide Qwen2.5-0.5B lora chat"), Line("hand Qwen3-4B full chat step=16")
    of = rows.first(guide, 20)
    assert of == rows.lengths(other)[: len(of)]
    assert sum(of) >= 23 * rows.STEP_TOKENS
    assert max(of) <= rows.LONGEST
    assert sorted(of)[len(of) // 2] in range(280, 320)


def test_rows_of_gsm8k() -> None:
    of = rows.gsm8k()
    assert len(of) == 7473
    assert (min(of), max(of), sum(of)) == (95, 567, 1_587_568)


def test_the_chosen_plan_is_that_of_the_planner() -> None:
    small = Line("chosen Qwen2.5-0.5B lora chat step=16")
    large = Line("chosen Qwen2.5-0.5B lora chat step=32000")
    of = rows.lengths(small)
    found = [chosen.choice_of(line, of, machines.named("H100 SXM")) for line in (small, large)]
    size = [one.micro_batch * one.accumulation for one in found]
    assert size[0] == 16
    assert abs(size[1] * sum(of) / len(of) - 32000) < 400
    assert all(one.profile.attention == "varlen" for one in found)


def _found(side: str, method: str, rate: float, step: str = "") -> dict[str, Any]:
    return {
        "line": f"{side} M {method} chat {step}", "side": side, "model": "M", "method": method,
        "rows": "chat", "median_tokens_per_second": rate, "tokens_per_second": rate,
        "median_step_seconds": 1.0, "first_step_seconds": 2.0, "peak_bytes": 10**9,
        "reserved_bytes": 10**9, "needed_flops_per_second": 4 * 10**14,
    }  # fmt: skip


def test_ratios_and_their_geometric_mean() -> None:
    assert mean([2, 8]) == pytest.approx(4)
    found: list[dict[str, Any]] = [
        _found("guide", "lora", 100), _found("chosen", "lora", 200, "step=16"),
        _found("guide", "qlora", 100), _found("chosen", "qlora", 800, "step=16"),
        {"line": "card", "bf16_flops_per_second": 8 * 10**14},
        {"line": "unsloth", "missing": "no such package"},
    ]  # fmt: skip
    said = "\n".join(summary(found))
    assert "chosen 16 / guide, chat, adapters: 4.00" in said
    assert "50.0%" in said
    assert "not run: unsloth: no such package" in said


def test_kernels_are_counted_by_kind_and_the_rest_is_idle() -> None:
    kernels = [
        ("nvjet_sm90_tst_128x256_64x4", 0.5), ("flash_fwd_kernel", 0.2), ("triton_poi_fused_1", 0.1)
    ]  # fmt: skip
    found = by_kind(kernels, 1.0)
    assert found["matrix products"] == 0.5 and found["attention"] == 0.2
    assert found["nothing computed"] == pytest.approx(0.2)
    assert next(iter(shares(found))) == "matrix products 50.0%"


@pytest.mark.slow
def test_each_side_runs_with_a_tiny_model(tmp_path: Path) -> None:
    table, out = tmp_path / "sides.txt", tmp_path / "out.jsonl"
    sides = ["guide", "trl", "chosen", "hand"]
    table.write_text(
        "".join(f"{side} Qwen3-4B lora chat step=16 pass=512 profile\n" for side in sides)
    )
    subprocess.run(
        [
            sys.executable, "-m", "tests.gpu.speed", str(out), "--table", str(table), "--cpu",
            "--steps", "2",
        ],
        cwd=ROOT, check=True,
    )  # fmt: skip
    found = [json.loads(text) for text in out.read_text("utf-8").splitlines()]
    assert [one.get("side") for one in found] == sides
    steps = {one["side"]: one["tokens"] for one in found}
    assert steps["chosen"] == steps["hand"], "the same rows in each step"
    assert found[2]["profile"]["matrix products"] > 0 and len(steps["chosen"]) == 5
