"""What Triton needs is missed before a run, not after the model is loaded."""

import shutil
import sysconfig
from pathlib import Path

import pytest

from lockfiles.errors import UsageProblem
from runner.environments.compiler import make_caches, missing_for_kernels


@pytest.fixture
def header(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(shutil, "which", lambda name: "/usr/bin/gcc" if name == "gcc" else None)
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path))
    (tmp_path / "Python.h").touch()
    return tmp_path / "Python.h"


def test_compiler_and_header_are_enough(header: Path) -> None:
    assert missing_for_kernels() == ""


def test_a_missing_header_is_named(header: Path) -> None:
    header.unlink()
    assert missing_for_kernels().startswith(f"`{header}`")


def test_a_missing_compiler_is_named(header: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert missing_for_kernels().startswith("a C compiler")


def test_a_place_for_kernels_that_cannot_be_made_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    make_caches()
    (made,) = tmp_path.iterdir()
    assert {one.name for one in made.iterdir()} == {"torchinductor", "triton"}
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(UsageProblem, match=r"file/tunelock.*` cannot be written") as refused:
        make_caches()
    assert "XDG_CACHE_HOME" in str(refused.value.hint)


def test_a_place_for_kernels_that_others_can_write_to_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    make_caches()
    make_caches()
    (tmp_path / "tunelock" / "triton").chmod(0o777)
    with pytest.raises(UsageProblem, match=r"Others can write to `.*triton`"):
        make_caches()
