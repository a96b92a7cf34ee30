"""What each stage reports in its `done.json`, checked where it is read.

A run folder may come from a stranger: a report that is not of its stage's shape counts as none,
and the stage is done again. Keys that are not named here are kept, and nothing reads them.
"""

import json
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from lockfiles import limits
from lockfiles.fields import InnerPath, Label, Sha256, SizeBytes

LIMIT_BYTES = 16 << 20
"""The most that is read of a report."""
Tensors = Literal["adapter", "merged"]
Count = Annotated[int, Field(ge=0, le=1 << 60)]


def _of_a_stage(path: str) -> str:
    if len(PurePosixPath(path).parts) != 3 or not path.startswith("stages/"):
        raise ValueError("a file of no stage")
    return path


class Made(BaseModel):
    """A file or folder that a stage left."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    what: Annotated[Label, Field(min_length=1)]
    path: Annotated[InnerPath, AfterValidator(_of_a_stage)]
    """Relative to the run folder, and inside the stage's own."""
    digest: Sha256
    size: SizeBytes


class _Table(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="allow")


class _Report(_Table):
    artifacts: Annotated[list[Made], Field(max_length=limits.MOST_ARTIFACTS)] = Field(
        default_factory=list
    )
    """What the stage left; a report from before it was reported lacks them."""


class Begun(_Table):
    """What is kept beside a stage that was begun."""

    digest: str
    """The lock's, of the stage."""


class Prepared(_Report):
    """What `prepare` reports."""

    rows: Annotated[dict[str, Count], Field(max_length=16)]
    """Rows by split."""
    learnt: Annotated[dict[str, Count], Field(max_length=16)] = Field(default_factory=dict)
    """By held-out split the rows that are training rows too, where there are any."""


class Trained(_Report):
    """What `train` reports."""

    digests: Annotated[dict[Tensors, Sha256], Field(min_length=1)]
    """sha256 of the tensors it left: `adapter`, or `merged` where all weights were trained."""
    steps: Count
    peak_bytes: Count
    step_seconds: Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]


class Scored(_Table):
    """One model on the held-out rows."""

    loss: float
    """NaN is possible."""
    accuracy: Annotated[float, Field(ge=0, le=1)]
    rows: Count


class Evaluated(_Report):
    """What `evaluate` reports."""

    base: Scored
    tuned: Scored


class Merged(_Report):
    """What `merge` reports."""

    digests: Annotated[dict[Tensors, Sha256], Field(min_length=1)]
    size_bytes: Count


class File(_Table):
    """One GGUF file."""

    path: Annotated[InnerPath, AfterValidator(_of_a_stage)]
    """Relative to the run folder, and inside the stage's own."""
    size_bytes: Count
    tensors_sha256: Sha256
    tensor_types: dict[str, Any]


class Sample(_Table):
    """An answer, besides the wanted one."""

    source: str
    prompt: str
    answer: str
    wanted: str


class Converted(_Report):
    """What `gguf` reports."""

    gguf: Annotated[dict[str, File], Field(max_length=64)]
    """By level."""
    samples: Annotated[list[Sample], Field(max_length=1000)]


class SentFile(_Table):
    """One file that left the machine."""

    name: Annotated[str, Field(min_length=1, max_length=200)]
    size_bytes: Count
    sha256: Sha256


class Pushed(_Report):
    """What `push` reports."""

    url: str
    commit: Annotated[str, Field(max_length=100)]
    repo: Annotated[str, Field(max_length=200)] = ""
    """`owner/name`; results from before it was reported lack it."""
    sent: Annotated[list[SentFile], Field(max_length=100_000)] = Field(default_factory=list)
    """Every file that was sent."""


class Reported(_Report):
    """What `report` reports: nothing, its files say it."""


KINDS: dict[str, type[_Report]] = {
    "prepare": Prepared, "train": Trained, "evaluate": Evaluated, "merge": Merged,
    "gguf": Converted, "push": Pushed, "report": Reported,
}  # fmt: skip


def parse(stage: str, content: bytes) -> dict[str, Any] | None:
    """Return the report in some bytes; None where they are no report of that stage."""
    try:
        value = json.loads(content.decode("utf-8"))
        return KINDS.get(stage, _Report).model_validate(value).model_dump(exclude_unset=True)
    except (ValueError, RecursionError):  # pydantic's ValidationError is a ValueError
        return None


def files_in(report: dict[str, Any], folder: str) -> bool:
    """Return whether every file and folder that a report names is in `stages/FOLDER`."""
    named = [*report.get("artifacts", ()), *report.get("gguf", {}).values()]
    return all(one["path"].startswith(f"stages/{folder}/") for one in named)
