"""GGUF: files for llama.cpp, of the tuned model, or of the base where nothing is trained."""

from typing import Annotated, Literal

from pydantic import Field

from lockfiles.stage_kinds.kind import HELD_OUT, Samples, StageKind, kinds
from lockfiles.stage_kinds.kind import Settings as Base

Level = Literal["f16", "q8_0", "q4_k_m"]


class Settings(Base):
    """Which GGUF files are made."""

    levels: list[Level] = Field(min_length=1, max_length=3)
    rows: Annotated[Literal["", "test", "validation"], HELD_OUT]
    """Held-out rows that the last file answers; empty without any."""
    samples: Samples


KIND = StageKind(
    "gguf",
    Settings,
    reads=kinds("prepare", "train", "merge"),
    needs=(kinds("train", "merge"),),
    untrained=(kinds("prepare"),),
    model="whole",
    repeats=True,
    distinct="levels",
    answers=("results.gguf", "results.samples"),
)
