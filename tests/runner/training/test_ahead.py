"""The rows of the next step are collected before the host waits for this one, and are the same."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl")

from runner.training.ahead import Ahead
from runner.training.padding_free import PaddingFree
from runner.training.trainer import Ordered
from tests.few import few
from tests.runner.training.test_packing import Heard
from tests.runner.training.test_padding_free import _job, _trained
from tests.runner.training.test_sft import base as base

pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
STEPS = 3
"""Of an epoch."""


def test_the_next_rows_are_collected_before_the_optimizer_steps(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """accelerate collates one batch ahead of the one that it gives."""
    happened: list[str] = []
    collated, clipped = PaddingFree.__call__, Ordered._clip_grad_norm

    def collate(self: PaddingFree, rows: Any) -> Any:
        happened.append("collate")
        return collated(self, rows)

    def clip(self: Any, model: Any) -> Any:
        happened.append("clip")
        return clipped(self, model)

    monkeypatch.setattr(PaddingFree, "__call__", collate)
    monkeypatch.setattr(Ordered, "_clip_grad_norm", clip)
    _trained(_job(base, tmp_path, pass_tokens=60, evaluate_steps=100))
    epoch = ["collate", "collate", "collate", "clip", "clip", "clip"]
    assert happened[: 2 * len(epoch)] == 2 * epoch


@pytest.mark.parametrize(
    "changes",
    few([{"pass_tokens": 60}, {"micro_batch": 3, "accumulation": 3, "epochs": 2}]),
    ids=["passes", "accumulation with a rest"],
)
def test_they_change_nothing(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    def run(name: str) -> Heard:
        job = _job(base, tmp_path / name, **changes)
        return _trained(replace(job, packing="pass_tokens" in changes))

    last: list[bool] = []
    steps = Ordered._clip_grad_norm

    def clip(self: Any, model: Any) -> Any:
        last.append(self.accelerator.gradient_state.end_of_dataloader)
        return steps(self, model)

    monkeypatch.setattr(Ordered, "_clip_grad_norm", clip)
    ahead = run("ahead")
    assert last[STEPS - 1] and last[2 * STEPS - 1]
    monkeypatch.setattr(Ahead, "collect_next", lambda _: None)
    behind = run("behind")
    kept = ("loss", "gradient_norm", "learning_rate", "tokens")
    assert [[one[k] for k in kept] for one in ahead.told] == [
        [one[k] for k in kept] for one in behind.told
    ]
    assert [one["loss"] for one in ahead.evaluated] == [one["loss"] for one in behind.evaluated]
