"""GGUF: exports files for llama.cpp."""

from typing import Annotated, Literal

from pydantic import Field

from lockfiles.stage_kinds.kind import HELD_OUT, Samples, StageKind, kinds
from lockfiles.stage_kinds.kind import Settings as Base

Level = Literal["f16", "q8_0", "q4_k_m"]


class Settings(Base):
    """The settings of a GGUF export."""

    levels: list[Level] = Field(min_length=1, max_length=3)
    rows: Annotated[Literal["", "test", "validation"], HELD_OUT]
    """The held-out split that the last file answers; empty where there is none."""
    samples: Samples


KIND = StageKind(
    "gguf",
    Settings,
    reads=kinds("prepare", "train", "merge"),
    needs=(kinds("train", "merge"),),
    untrained=(kinds("prepare"),),
    model="whole",
    sent=True,
    repeats=True,
    distinct="levels",
    answers=("results.gguf", "results.samples"),
)
