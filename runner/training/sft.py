"""Supervised fine-tuning: TRL's SFTTrainer on tokenized rows.

`Ordered` packs: TRL's own packing would join rows across steps.
"""

from collections.abc import Sequence

from trl import SFTConfig, SFTTrainer

from planner.data.tokens.example import COMPLETION, Example
from runner.training.kind import Columns, TrainerKind
from runner.training.trainer import Ordered


def _columns(rows: Sequence[Example]) -> Columns:
    return {
        "input_ids": [list(row[COMPLETION].input_ids) for row in rows],
        "labels": [list(row[COMPLETION].labels) for row in rows],
    }


class Trainer(Ordered, SFTTrainer):  # type: ignore[misc]  # TRL ships no types that mypy follows
    """TRL's trainer in the lock's order."""


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
