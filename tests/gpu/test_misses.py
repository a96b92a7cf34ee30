"""The parts of a step, expected and measured."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from planner import speed
from planner.catalogue.lookup import find_accelerator
from planner.models.architecture import architecture
from planner.speed.accelerator import FITTED
from planner.speed.passes import backward, forward, recomputed
from tests.gpu import misses
from tests.gpu.points import cases

ROOT = Path(__file__).parents[2]
H100 = find_accelerator("H100 SXM")


def test_the_expected_parts_are_all_of_a_step_on_the_card() -> None:
    for case in cases(misses.TABLE):
        shape = architecture(case.config, case.name)
        found = misses.expected(case, H100)
        there = FITTED.forward_seconds(forward(shape, case.profile), H100)
        there += FITTED.forward_seconds(recomputed(shape, case.profile), H100)
        there += FITTED.backward_seconds(backward(shape, case.profile), H100)
        parts = sum(found[part] for part in misses.PARTS)
        assert parts == pytest.approx(case.accumulation * there), case.name
        assert found["step"] >= max(parts, found["host: forward"] + found["host: backward"])
        assert speed.known(shape, case.profile, H100)


@pytest.mark.slow
def test_a_step_of_a_plan_is_measured_part_by_part(tmp_path: Path) -> None:
    table, out = tmp_path / "table.txt", tmp_path / "out.jsonl"
    table.write_text("Qwen2.5-0.5B sft lora 16 64 1 ckpt fused 0 2\n")
    own = [str(out), "--table", str(table), "--steps", "3", "--cpu"]
    subprocess.run([sys.executable, "-m", "tests.gpu.misses", *own], cwd=ROOT, check=True)
    (line,) = (json.loads(text) for text in out.read_text("utf-8").splitlines())
    own = line["measured"]
    assert len(line["step_seconds"]) == 3
    assert own["matrix products"] > 0 and own["elementwise"] > 0 and own["launches"] > 100
    assert 0 < own["host: forward"] < own["host: backward"] < own["step"]
    said = "\n".join(misses.summary([line], table))
    assert "| host: forward |" in said and "| nothing computed |" in said
