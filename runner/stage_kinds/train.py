"""Train: runs on the lock's device."""

from typing import Annotated

from pydantic import Field

from lockfiles.fields import Label, Sha256
from runner.runs.kind import Count, Report, ReportTable, RunKind, Tensors


class Source(ReportTable):
    """The checkpoint of another run that the training continued from, as in a receipt."""

    run: Label
    step: Count
    lock_sha256: Sha256
    sha256: Sha256


class Trained(Report):
    """The report of `train`."""

    digests: Annotated[dict[Tensors, Sha256], Field(min_length=1)]
    """sha256 of its tensors: `adapter`, or `merged` after full fine-tuning."""
    steps: Count
    peak_bytes: Count
    continued: Source | None = None
    """Where the training continued from."""
    step_seconds: Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]


KIND = RunKind(Trained, reads_base=True, trains=True, remade=False, tensors="result")
