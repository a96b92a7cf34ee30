"""Evaluate: compares the base model with the tuned one on held-out rows."""

from typing import Annotated, Literal

from lockfiles.stage_kinds.kind import HELD_OUT, Samples, StageKind, kinds
from lockfiles.stage_kinds.kind import Settings as Base


class Settings(Base):
    """The settings of an evaluation."""

    rows: Annotated[Literal["test", "validation"], HELD_OUT]
    samples: Samples


KIND = StageKind(
    "evaluate",
    Settings,
    reads=kinds("prepare", "train"),
    needs=(kinds("prepare"), kinds("train")),
    spreads="copies",
    answers=("results.evaluate",),
)
