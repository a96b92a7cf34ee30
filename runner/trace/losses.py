"""The losses of TRL's own trainers, computed without constructing a trainer."""

from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import torch

from planner.setup.setup import Profile
from runner.trace.model import checkpointing
from runner.training.make import kind_of


class Loss:
    """Computes the loss of one micro-batch of a plan's longest rows."""

    def __init__(self, model: Any, reference: Any, profile: Profile) -> None:
        self._model, self._profile = model, profile
        self._trainer = _trainer(model, reference, profile)

    def __call__(self) -> Any:
        """Return the loss, with its autograd graph."""
        with torch.autocast("cpu", torch.bfloat16, enabled=self._profile.autocast):
            return self._trainer.compute_loss(self._model, _rows(self._profile))


def _rows(profile: Profile) -> dict[str, torch.Tensor]:
    """Return the batch that the trainer's collator makes of the rows."""
    scored = kind_of(profile.objective).scored_by
    shape = profile.rows, profile.length
    return {
        name: torch.ones(shape, dtype=torch.int64)
        for name in ("input_ids", "attention_mask", *scored)
    }


def _trainer(model: Any, reference: Any, profile: Profile) -> Any:
    """Return a trainer with only the attributes that its loss reads, without its constructor.

    Raises AttributeError with the missing name if another version of TRL reads more.
    """
    from trl.trainer.utils import add_fused_lm_head

    kind = kind_of(profile.objective)
    trainer = object.__new__(kind.trainer)
    vars(trainer).update(_SETTINGS, **kind.traced, model=model, args=_arguments(profile))
    trainer._metrics = defaultdict(lambda: defaultdict(list))
    if not kind.head_outputs:
        return trainer
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    shape = base.config.get_text_config()
    trainer.router_aux_loss_coef = getattr(shape, "router_aux_loss_coef", 0.0)
    routed = hasattr(shape, "output_router_logits")
    trainer.aux_loss_enabled = routed and trainer.router_aux_loss_coef != 0.0
    add_fused_lm_head(base, outputs=kind.head_outputs)
    trainer.ref_model = reference
    if reference is not None:
        add_fused_lm_head(reference)
    return trainer


def _same(value: Any) -> Any:
    return value


_SETTINGS = {
    "accelerator": SimpleNamespace(
        device=torch.device("cpu"),
        gather=_same,
        gather_for_metrics=_same,
        unwrap_model=_same,
        parallelism_config=None,
        num_processes=1,
    ),
    "compute_loss_func": None,
    "label_smoother": None,
    "_pass_tokens": 0,
    "_total_train_tokens": 0,
    "_tp_size": 1,
}
"""The defaults of `SFTConfig`, `DPOConfig` and `RewardConfig`, and padded rows."""


def _arguments(profile: Profile) -> SimpleNamespace:
    return SimpleNamespace(
        average_tokens_across_devices=True,
        center_rewards_coefficient=None,
        gradient_checkpointing_kwargs=checkpointing(profile),
        loss_type="nll",
        max_length=None,
    )
