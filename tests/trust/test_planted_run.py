"""A whole run beside planted files: no stage, and no rehearsal, takes notice of them."""

import json
import shutil
from pathlib import Path

import pytest

from lockfiles import receipt
from tests.journeys.demo_folder import small, tunelock
from tests.trust.hostile_models import plant, shard

for package in ("trl", "gguf"):
    pytest.importorskip(package)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["lora", "full"])
def test_planted_files_change_no_stage(tmp_path: Path, kind: str) -> None:
    clean = small(tmp_path / "clean", train__epochs=1, method__kind=kind)
    shard(clean / "base")
    assert tunelock(clean, "plan").returncode == 0
    planted = Path(shutil.copytree(clean, tmp_path / "planted"))
    (tmp_path / "secret").write_text("private")
    plant(planted / "base", tmp_path / "secret")
    made = [_run(folder) for folder in (clean, planted)]
    assert made[0].digests == made[1].digests
    assert made[0].evaluation == made[1].evaluation
    names = [
        sorted(str(p.relative_to(folder)) for p in folder.glob("runs/*/stages/*/*/*"))
        for folder in (clean, planted)
    ]
    assert names[0] == names[1] and not [name for name in names[1] if "spiece" in name]
    done = tunelock(planted, "rehearse", "--memory", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["fits"] is True


def _run(folder: Path) -> receipt.Receipt:
    done = tunelock(folder, "run", "--foreground", "--runs", "runs")
    assert done.returncode == 0, done.stderr[-3000:]
    (found,) = (folder / "runs").iterdir()
    return receipt.read(found / "receipt.json")
