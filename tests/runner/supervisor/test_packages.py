"""Packages that compute layers of a model and are in no lock."""

import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from lockfiles import lock
from lockfiles.inputs import Architecture
from planner.catalogue.lookup import find_model
from runner.environments import packages

LAST = Path(__file__).parents[2] / "lockfiles" / "old" / "last-of-revision-4.lock"


def of_model(name: str, kind: str) -> lock.TrainingLock:
    """Return a lock for a model of the catalogue on a machine of a kind."""
    model = find_model(name)
    assert model is not None
    shape = model.architecture
    known = {key: getattr(shape, key) for key in Architecture.model_fields if key != "own"}
    facts = Architecture(**known, own=dict(shape.own))
    found = lock.read(LAST)
    assert isinstance(found, lock.TrainingLock)
    changed = found.model.model_copy(update={"family": shape.family, "architecture": facts})
    machine = found.machine.model_copy(update={"kind": kind})
    return found.model_copy(update={"model": changed, "machine": machine})


def test_kernels_are_found_where_layers_use_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("mamba_ssm", "causal_conv1d"):
        folder = tmp_path / f"{name}-2.3.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 2.3.0\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    assert version("mamba-ssm") == "2.3.0"
    hybrid = "NVIDIA-Nemotron-3-Nano-4B-BF16"
    both = {"causal-conv1d": "2.3.0", "mamba-ssm": "2.3.0"}
    assert packages.kernels_found(of_model(hybrid, "cuda")) == both
    assert packages.kernels_found(of_model(hybrid, "cpu")) == {}
    assert packages.kernels_found(of_model("Qwen3.5-0.8B", "cuda")) == {"causal-conv1d": "2.3.0"}
    assert packages.kernels_found(of_model("Qwen3-8B", "cuda")) == {}
