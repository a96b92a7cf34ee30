"""The names of a run's files and of the splits that they become."""

from typing import Literal

SplitName = Literal["train", "validation", "test", "general"]
"""`general` rows are mixed into those of `train`."""
SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")
FILES: tuple[SplitName, ...] = (*SPLITS, "general")
