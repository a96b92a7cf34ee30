"""Direct preference optimization: TRL's DPOTrainer on tokenized pairs.

Used by rehearsal and trace; locks do not support it yet.
"""

from collections.abc import Sequence
from typing import Any

from datasets import Dataset
from trl import DPOConfig, DPOTrainer

from planner.data.tokens.example import IGNORED, Example
from runner.training.kind import Columns, TrainerKind
from runner.training.trainer import Ordered


def _columns(rows: Sequence[Example]) -> Columns:
    """Return the prompts, which both answers begin with and no label scores, and the answers."""
    cut = [(row, _prompt_tokens(row)) for row in rows]
    return {
        "prompt_ids": [list(row["chosen"].input_ids[:at]) for row, at in cut],
        "chosen_ids": [list(row["chosen"].input_ids[at:]) for row, at in cut],
        "rejected_ids": [list(row["rejected"].input_ids[at:]) for row, at in cut],
    }


def _prompt_tokens(row: Example) -> int:
    labels = row["chosen"].labels
    return next((at for at, label in enumerate(labels) if label != IGNORED), len(labels))


class Trainer(Ordered, DPOTrainer):  # type: ignore[misc]  # TRL ships no types that mypy follows
    """TRL's trainer without its tokenization."""

    def _prepare_dataset(self, dataset: Dataset, *_: Any, **__: Any) -> Dataset:
        return dataset


KIND = TrainerKind(
    Trainer,
    DPOConfig,
    _columns,
    fixed={"max_length": None},
    scored_by=("completion_mask",),
    head_outputs=("log_probs", "entropy", "mean_logits", "is_top1"),
    traced={
        "beta": 0.1,
        "f_divergence_type": "reverse_kl",
        "ld_alpha": None,
        "loss_types": ["sigmoid"],
        "loss_weights": [1.0],
        "precompute_ref_logps": False,
        "use_weighting": False,
    },
)
