"""The memory of a training process itself: measured once, in a process of its own."""

from pathlib import Path

import pytest

from planner.machines.probes import kept
from runner.rehearse import process
from tests.planned import MACHINE


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_it_is_measured_once_and_then_known() -> None:
    pytest.importorskip("trl")
    told: list[str] = []
    found = process.with_process(MACHINE, told.append)
    assert 300e6 < found.process_bytes < 2e9
    assert process.with_process(MACHINE, told.append) == found == kept.with_kept(MACHINE)
    assert told == ["measuring the memory of a training process, once for this machine"]


def test_without_the_training_stack_it_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "TRAINING", ("a_package_that_nobody_has",))
    told: list[str] = []
    assert process.with_process(MACHINE, told.append) == MACHINE
    assert told == []


@pytest.mark.parametrize("python", ["/bin/false", "/bin/echo", "/no/such/program"])
def test_a_measurement_that_fails_leaves_it_unknown(
    python: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("trl")
    monkeypatch.setattr("sys.executable", python)
    assert process.with_process(MACHINE) == MACHINE
