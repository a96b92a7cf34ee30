"""Reads machine facts that were saved with `tunelock doctor --machine FILE`."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError
from pydantic_core import PydanticCustomError

from lockfiles import files, limits, refusal, text
from lockfiles.errors import UsageProblem
from lockfiles.fields import Label, Seconds, Sentence, Sha256, SizeBytes, Table
from lockfiles.fixes import Advice, Answer, Option
from planner.machines.facts import CardLinks, Gpu, Holder, MachineFacts, TimedStep

LIMIT_BYTES = 4 * files.MIB
"""The largest file of machine facts."""
MOST_TIMED = 100
"""The most measured steps that are kept or read."""
_SAVE_AGAIN = (
    Advice("save the facts again on that machine"),
    Option("--machine", to="leave out"),
    Answer("machine.facts", ""),
)


def _capability(text: str) -> str:
    if not re.match(limits.CAPABILITY, text):
        raise PydanticCustomError("capability", "must look like `9.0` or `gfx942`")
    return text


class _Holder(Table):
    """`Holder`, as saved."""

    pid: Annotated[int, Field(ge=0, le=limits.MOST_BYTES)]
    name: Label
    memory_bytes: SizeBytes


class _Gpu(Table):
    """`Gpu`, as saved."""

    name: Label
    memory_bytes: SizeBytes
    free_bytes: SizeBytes
    compute_capability: Annotated[str, AfterValidator(_capability)]
    holders: list[_Holder] = Field(default_factory=list, max_length=limits.MOST_HOLDERS)

    def facts(self) -> Gpu:
        """Return the card that the file describes."""
        holders = tuple(Holder(**dict(one)) for one in self.holders)
        return Gpu(**dict(self) | {"holders": holders})


class SavedStep(Table):
    """`TimedStep`, as saved."""

    setup_sha256: Sha256
    seconds: Annotated[float, Field(gt=0, le=limits.MOST_SECONDS)]
    tokens: Annotated[int, Field(gt=0, le=limits.MOST_TOKENS)]
    by: Literal["rehearsal", "run"]
    evaluation_seconds: Seconds = 0.0
    evaluation_tokens: Annotated[int, Field(ge=0, le=limits.MOST_TOKENS)] = 0
    save_seconds: Seconds = 0.0

    def facts(self) -> TimedStep:
        """Return the step in the file; an evaluation without time or without tokens is none."""
        found = TimedStep(**dict(self))
        if found.evaluation_seconds and found.evaluation_tokens:
            return found
        return replace(found, evaluation_seconds=0.0, evaluation_tokens=0)


class _Links(Table):
    """`CardLinks`, as saved."""

    kind: Literal["", "nvlink", "pcie"] = ""
    card_bytes_per_second: Annotated[float, Field(ge=0, le=limits.MOST_BYTES)] = 0.0
    network_bytes_per_second: Annotated[float, Field(ge=0, le=limits.MOST_BYTES)] = 0.0


class _Machine(Table):
    """`MachineFacts`, as saved."""

    kind: Literal["cpu", "cuda"]
    gpus: Annotated[list[_Gpu], Field(max_length=limits.MOST_CARDS)]
    cpu_cores: Annotated[int, Field(ge=1, le=limits.MOST_THREADS)]
    ram_bytes: SizeBytes
    ram_free_bytes: SizeBytes
    disk_free_bytes: SizeBytes
    driver: Label
    processor: Label = ""
    metal_bytes: SizeBytes = 0
    problem: Sentence = ""
    process_bytes: SizeBytes = 0
    timed: list[SavedStep] = Field(default_factory=list, max_length=MOST_TIMED)
    links: _Links = Field(default_factory=_Links)
    ram_assumed: bool = False

    def facts(self) -> MachineFacts:
        """Return the machine that the file describes."""
        timed = tuple(one.facts() for one in self.timed)
        gpus = tuple(gpu.facts() for gpu in self.gpus)
        links = CardLinks(**dict(self.links))
        return MachineFacts(**dict(self) | {"gpus": gpus, "timed": timed, "links": links})


def load(path: Path) -> MachineFacts:
    """Load machine facts saved by `MachineFacts.save`, including files from older versions.

    Raises UsageProblem for an unknown key, an invalid value, and a `kind` that contradicts `gpus`.
    """
    raw = text.read_json_object(path, limit_bytes=LIMIT_BYTES, fix=_SAVE_AGAIN)
    try:
        saved = _Machine.model_validate(raw)
    except ValidationError as error:
        invalid = refusal.fault(error, _Machine)
        raise UsageProblem(
            f"`{invalid.key}` in `{path}` {invalid.words}.", fix=_SAVE_AGAIN
        ) from None
    if saved.kind == "cuda" and not saved.gpus:
        raise UsageProblem(f"`kind` in `{path}` is `cuda`, but `gpus` is empty.", fix=_SAVE_AGAIN)
    if saved.kind == "cpu" and saved.gpus:
        raise UsageProblem(f"`kind` in `{path}` is `cpu`, but `gpus` is set.", fix=_SAVE_AGAIN)
    return saved.facts()
