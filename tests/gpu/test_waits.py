"""Doing nothing ahead trains the same."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_both_sides_have_the_same_losses(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    words = ["tests.gpu.waits", str(out), "--cpu", "--variant", "varlen", "--pairs", "1"]
    subprocess.run(
        [sys.executable, "-m", *words, "--methods", "lora"], cwd=ROOT, check=True, timeout=300,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    waiting, ahead = (json.loads(line) for line in out.read_text("utf-8").splitlines())
    assert (waiting["side"], ahead["side"]) == ("waiting", "ahead")
    assert waiting["losses"] == ahead["losses"]
    assert len(waiting["held_up_seconds"]) == len(ahead["held_up_seconds"]) == 3
