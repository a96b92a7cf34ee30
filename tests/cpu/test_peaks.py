"""Peaks of whole runs on a CPU against what their plans predicted: 5% over, 2% under at most."""

from pathlib import Path

import pytest

from tests.cpu.__main__ import trials
from tests.cpu.shapes import SHAPES, Shape

RUNS = 5


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_the_peak_of_every_run_is_predicted(shape: Shape, tmp_path: Path) -> None:
    pytest.importorskip("trl")
    found = list(trials(shape, RUNS, tmp_path / shape.name))
    print(*found, sep="\n")
    assert all(-0.02 <= one.error <= 0.05 for one in found)


@pytest.mark.slow
def test_the_time_is_known_from_the_second_run_on(tmp_path: Path) -> None:
    pytest.importorskip("trl")
    own = str(tmp_path / "cache")  # without what other tests measured
    first, second = trials(SHAPES[0], 2, tmp_path / "demo", XDG_CACHE_HOME=own)
    assert first.predicted_seconds == 0
    assert second.predicted_seconds == pytest.approx(first.measured_seconds, rel=0.02), "counted"
    assert second.predicted_seconds == pytest.approx(second.measured_seconds, rel=0.25)
