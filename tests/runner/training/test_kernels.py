"""What transformers takes of other packages is not used where it cannot compute."""

import json
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest

from runner.training import kernels

PROGRAM = "tests.programs.train_with_kernels"


def step(family: str, method: str, packages: Path | str = "") -> dict[str, float]:
    words = [sys.executable, "-m", PROGRAM, family, method, *([str(packages)] if packages else [])]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.slow
@pytest.mark.parametrize("family", ["nemotron_h", "granitemoehybrid"])
def test_a_packed_weight_is_never_multiplied_by_a_fused_kernel(tmp_path: Path, family: str) -> None:
    alone, beside = step(family, "qlora"), step(family, "qlora", tmp_path)
    assert beside == alone
    assert beside["gradients"] > 0


@pytest.mark.slow
def test_weights_that_are_not_packed_are(tmp_path: Path) -> None:
    assert step("nemotron_h", "lora", tmp_path)["calls"] == 1


def test_no_package_for_a_gpu_is_found_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in kernels.MODULES:
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    assert all(map(import_module, kernels.MODULES))
    for name in kernels.MODULES:
        monkeypatch.delitem(sys.modules, name)
    kernels.torch_only()
    for name in kernels.MODULES:
        assert find_spec(name) is None
        with pytest.raises(ModuleNotFoundError):
            import_module(name)
