"""Reward modeling: TRL's RewardTrainer on tokenized pairs.

Used by rehearsal and trace; locks do not support it yet.
"""

from collections.abc import Sequence
from typing import Any

from datasets import Dataset
from trl import RewardConfig, RewardTrainer

from planner.data.tokens.example import Example
from runner.training.kind import Columns, TrainerKind
from runner.training.trainer import Ordered


def _columns(rows: Sequence[Example]) -> Columns:
    return {
        f"{name}_ids": [list(row[name].input_ids) for row in rows]
        for name in ("chosen", "rejected")
    }


class Trainer(Ordered, RewardTrainer):  # type: ignore[misc]  # TRL ships no types that mypy follows
    """TRL's trainer without its tokenization."""

    def _prepare_dataset(self, dataset: Dataset, *_: Any, **__: Any) -> Dataset:
        return dataset


KIND = TrainerKind(Trainer, RewardConfig, _columns, fixed={"max_length": None})
