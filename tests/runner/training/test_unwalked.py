"""A trainer does not walk through all modules in every step, and trains as if it did."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl")

import torch
from transformers import Trainer

from lockfiles.lock import Method
from runner.training.unwalked import Unwalked
from tests.few import few
from tests.runner.training.test_padding_free import _job, _trained
from tests.runner.training.test_sft import base as base

pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")
DROPPED = Method(kind="lora", rank=4, alpha=8, dropout=0.3, targets=["q_proj", "v_proj"])
"""Its losses tell whether layers are in training, and whether they are in an evaluation."""
KEPT = ("loss", "gradient_norm", "learning_rate", "tokens")


def test_modules_are_walked_at_the_start_and_around_evaluations_only(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes: list[bool] = []
    own = torch.nn.Embedding.train

    def train(self: Any, mode: bool = True) -> Any:
        modes.append(mode)
        return own(self, mode)

    def set_to_training(self: Any, model: Any, own: Any = Unwalked.set_to_training) -> None:
        if not self._trained:
            modes.clear()  # of what loading did
        own(self, model)

    monkeypatch.setattr(torch.nn.Embedding, "train", train)
    monkeypatch.setattr(Unwalked, "set_to_training", set_to_training)
    job = replace(_job(base, tmp_path, micro_batch=2, accumulation=2), packing=False)
    told = _trained(job)
    assert len(told.told) == 10 and len(told.evaluated) == 4
    print(modes)
    assert modes == [True, False, True, False, True, False, True, False]


@pytest.mark.parametrize(
    "changes", few([{"micro_batch": 2, "accumulation": 2}, {"pass_tokens": 40}])
)
def test_losses_and_gradients_are_the_same(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    job = _job(base, tmp_path / "unwalked", **changes)
    job = replace(job, method=DROPPED, packing="pass_tokens" in changes)
    found = _trained(job)

    def walk(self: Any, model: Any) -> None:
        self._trained = tuple(one for one in self.model.parameters() if one.requires_grad)
        model.train()

    monkeypatch.setattr(Unwalked, "set_to_training", walk)
    monkeypatch.setattr(Unwalked, "_clip_grad_norm", Trainer._clip_grad_norm)
    walked = _trained(replace(job, work=tmp_path / "walked"))
    for ours, theirs in zip(found.told, walked.told, strict=True):
        assert {key: ours[key] for key in KEPT} == {key: theirs[key] for key in KEPT}
    assert [one["loss"] for one in found.evaluated] == [one["loss"] for one in walked.evaluated]
