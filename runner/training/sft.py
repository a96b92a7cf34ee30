"""Supervised fine-tuning: TRL's SFTTrainer on tokenized rows.

`Ordered` packs: TRL's own packing would join rows across steps.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import torch
from trl import SFTConfig, SFTTrainer

from planner.data.tokens.example import COMPLETION, Example
from runner.training.kind import Columns, TrainerKind
from runner.training.routed import Routed
from runner.training.scored import taking_all
from runner.training.shares import Counted
from runner.training.trainer import Ordered


def _columns(rows: Sequence[Example]) -> Columns:
    return {
        "input_ids": [list(row[COMPLETION].input_ids) for row in rows],
        "labels": [list(row[COMPLETION].labels) for row in rows],
    }


class Trainer(Ordered, Routed, SFTTrainer):  # type: ignore[misc]  # TRL ships no types that mypy follows
    """TRL's trainer in the lock's order."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        # The loss is that of TRL or this one, whether or not the model's class takes the number of
        # scored tokens for its own: many multimodal ones do not, and GPT-2 has no type of loss.
        self.model_accepts_loss_kwargs = self._loss_shifts_labels = True

    def counted(self, padding: Any) -> Any:
        """Count the tokens of micro-batches: TRL does so on the card."""
        return Counted(padding)

    def compute_loss(self, model: Any, inputs: Any, *given: Any, **named: Any) -> Any:
        """Return TRL's loss: minus the sum of the scored tokens' log-probabilities, divided by the
        scored tokens of the step, or by 1 if it has none.

        It is computed here without TRL's metrics, for which the host would wait for the card after
        every pass.
        """
        scored = named.get("num_items_in_batch")
        own = self._pass_tokens or self.model.training
        if given or scored is None or self.aux_loss_enabled or not own:
            return super().compute_loss(model, inputs, *given, **named)
        with taking_all() if "scored" in inputs else nullcontext():
            found = model(**inputs, use_cache=False, fused_lm_head=True)
        mean = -found.log_probs.sum() / torch.as_tensor(scored).clamp(min=1)
        return mean * self._ranks.count  # engines average the gradients of all processes


KIND = TrainerKind(
    Trainer,
    SFTConfig,
    _columns,
    fixed={
        "dataset_kwargs": {"skip_prepare_dataset": True},
        "max_length": None,
        "packing": False,
    },
    scored_by=("labels",),
    head_outputs=("log_probs", "entropy", "is_top1"),
)
