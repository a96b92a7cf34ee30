"""Time and cost of a run in words, where a plan is shown and nowhere where they are not known."""

from typing import Any

import pytest

from lockfiles.lock import TrainingLock
from tests.lockfiles.samples import LOCK
from tui.session.panels import review
from tui.text import plan, predicted


def timed(**known: float) -> TrainingLock:
    """Return the sample with other predictions."""
    changes: dict[str, Any] = {"prediction": LOCK.prediction.model_copy(update=known)}
    return LOCK.model_copy(update=changes)


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ({}, "not known: tunelock rehearse"),
        (
            {"seconds": 12_960.0, "step_seconds": 2.07},
            "about 3.6 h of training; 2.1 s per step; ~300 tokens/s",  # 43 steps for 27,000
        ),
        (
            {"seconds": 12_960.0, "step_seconds": 2.07, "flops_share": 0.414},
            "about 3.6 h of training; 2.1 s per step; ~300 tokens/s (41% of the card's bf16 rate)",
        ),
        (
            {"seconds": 300.0, "step_seconds": 0.0382, "cost": 1234.5},
            "about 5 min of training, about 1,234.50 at your price per hour; 0.038 s per step; "
            "~16,000 tokens/s",
        ),
    ],
)
def test_what_is_known_is_said(known: dict[str, float], words: str) -> None:
    assert predicted.time(timed(**known)) == words


def test_a_plan_and_the_yes_to_start_name_the_hours() -> None:
    lock = timed(seconds=12_960.0, step_seconds=2.07)
    assert any(line.startswith("time      about 3.6 h of") for line in plan.page(lock))
    assert "Time: about 3.6 h of training; 2.1 s per step; ~300 tokens/s.\n" in review.start(
        lock, 10**12
    )


def test_without_a_prediction_no_hours_are_made_up() -> None:
    assert "time      not known: tunelock rehearse" in plan.page(LOCK)
    assert "Time: not known: tunelock rehearse.\n" in review.start(LOCK, 10**12)


def test_the_plan_and_the_review_say_how_processes_share_the_work() -> None:
    shared = LOCK.parallel.model_copy(update={"engine": "fsdp2", "processes": 2})
    once = LOCK.train.model_copy(update={"epochs": 1})
    lock = LOCK.model_copy(update={"parallel": shared, "train": once})
    values = {"data.train": "rows.jsonl", "model.source": "base"}

    def panel(lock: TrainingLock) -> str:
        return review.render(lock, values, stale_steps=(), answer_lines=(), answers_file="run.toml")

    assert "\nParallel FSDP2 in 2 processes\n" in panel(lock)
    assert "Parallel" not in panel(LOCK)
    assert " · 1 epoch · " in panel(lock) and "rows x 1 epoch, " in review.start(lock, 10**12)
    assert any(line.endswith(f", 1 epoch of {lock.stream.rows:,} rows") for line in plan.page(lock))
