"""The names of a run's data files and splits."""

from typing import Literal

SplitName = Literal["train", "validation", "test", "general"]
"""`general` rows are mixed into `train`."""
SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")
FILES: tuple[SplitName, ...] = (*SPLITS, "general")
