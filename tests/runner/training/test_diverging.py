"""A training whose loss rises far above its first value is told of, once."""

import os
from typing import Any

import pytest

pytest.importorskip("trl")

from transformers import TrainerState

from runner.runs.pipe import Line
from runner.training.callback import Watch


class _Kept(Line):
    def __init__(self) -> None:
        super().__init__(os.open(os.devnull, os.O_WRONLY))
        self.sent: list[str] = []

    def send(self, kind: Any, **fields: Any) -> None:
        """Keep the text of a warning."""
        if kind == "warning":
            self.sent.append(fields["text"])


def _warnings(earlier: list[float], losses: list[float]) -> list[str]:
    """Return what is told of these losses, in a run that is resumed after the earlier ones."""
    line = _Kept()
    watch = Watch(line, 0, 0, health={"loss": 3.0})
    watch._seconds.append(1.0)
    state = TrainerState(max_steps=100, global_step=len(earlier))
    state.log_history = ["no log", {"loss": "no number"}, {"step": 1}]
    state.log_history += [{"loss": one} for one in earlier]
    for loss in losses:
        state.global_step += 1
        state.log_history.append({"loss": loss})  # as transformers does, before callbacks hear it
        watch.on_log(None, state, None, {"loss": loss})
    return line.sent


def test_a_loss_that_rises_is_told_of_once() -> None:
    (text,) = _warnings([], [2.0, 1.0, 6.5, 7.0])
    assert text.startswith("the loss rose from 2.000 to 6.500 by step 3: training is diverging")


def test_a_resumed_run_is_compared_with_its_first_step() -> None:
    assert not _warnings([7.0, 0.08], [0.08, 0.27])
    (text,) = _warnings([2.0, 0.08], [0.08, 6.5])
    assert text.startswith("the loss rose from 2.000 to 6.500 by step 4")
