"""Plans that are timed one after the other in one process."""

import time
from dataclasses import replace

import pytest

pytest.importorskip("trl")

from runner.rehearse.case import Case
from runner.rehearse.compare import compare
from tests.runner.rehearse.test_passes import _case, _row

pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")


def _whole(steps: int) -> Case:
    """Return a case with all rows of its steps."""
    rows = tuple(_row(length) for length in (16, 9, 12) * steps)
    return replace(_case(24), rows=rows, every=True, steps=steps, evaluate=False)


def test_what_fails_leaves_the_others_alone(capfd: pytest.CaptureFixture[str]) -> None:
    broken = replace(_whole(3), config={"model_type": "none"})
    last = replace(_whole(3), profile=replace(_whole(3).profile, kernels="compiled"))
    last = replace(last, config={"model_type": "none"})
    said = list(compare([last, broken, _whole(3)], time.monotonic() + 60))
    assert [one["at"] for one in said] == [1, 1, 2, 2, 0, 0], "compiled layers come last"
    assert said[1] == {"at": 1, "untimed": "failed"}
    took = said[3]["step_seconds"]
    assert isinstance(took, tuple) and len(took) == 2
    assert "Traceback" in capfd.readouterr().err


def test_one_step_is_timed_where_no_time_is_left() -> None:
    (_, found) = compare([_whole(4)], time.monotonic())
    took = found["step_seconds"]
    assert isinstance(took, tuple) and len(took) == 1
