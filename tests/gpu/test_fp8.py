"""The tables of what was measured of a frozen base in FP8, and a plan that is measured."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.gpu.fp8.summary import summary

ROOT = Path(__file__).parents[2]


def _speed(base: str, rate: int, more: str = "") -> dict[str, Any]:
    line = f"chosen M lora chat step=16 base={base} {more}".strip()
    return {
        "name": line, "line": line, "model": "M", "base": base,
        "median_tokens_per_second": rate, "tokens_per_second": rate,
        "median_step_seconds": 1.0, "first_step_seconds": 2.0, "peak_bytes": 10**9,
        "reserved_bytes": 10**9, "settings": "", "took": 3.0,
    }  # fmt: skip


def test_rates_are_relative_to_bfloat16_before_and_after() -> None:
    found = [_speed("bf16", 90), _speed("fp8", 150), _speed("bf16", 110, "again")]
    said = "\n".join(summary(found))
    assert "| M | fp8 | 150 | 1.500 |" in said
    assert "| M | bf16 again | 110 | 1.100 |" in said


def test_curves_are_compared_with_the_first_seed_of_bfloat16() -> None:
    def curve(base: str, seed: int, shift: float) -> dict[str, Any]:
        return {
            "name": f"curve {base} {seed}", "curve": base, "seed": seed,
            "losses": [5.0 + shift] * 30, "held_out": 4.0, "held_out_in_bf16": 4.1,
        }  # fmt: skip

    found = [curve("bf16", 18, 0.2), curve("bf16", 17, 0.0), curve("fp8", 17, 0.05)]
    found.append({"name": "curve fp8-forward 17", "missing": "took too long"})
    said = list(summary(found))
    assert "| fp8 | 17 | 30 | 5.0500 | 5.0500 | 0.0500 | 0.2000 | 4.0000 | 4.1000 |" in said
    assert "not run: curve fp8-forward 17: took too long" in said


@pytest.mark.slow
def test_a_plan_is_measured_with_a_tiny_model(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    own = [sys.executable, "-m", "tests.gpu.fp8", str(out), "--cpu", "--steps", "1"]
    subprocess.run(
        [*own, "--only", "0.5B lora chat step=16 base=fp8", "--seconds", "600"],
        cwd=ROOT, check=True,
    )  # fmt: skip
    (found,) = [json.loads(text) for text in out.read_text("utf-8").splitlines()]
    assert found["median_tokens_per_second"] > 0 and len(found["losses"]) == 4
