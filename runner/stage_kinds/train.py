"""Train: runs on the lock's device."""

from typing import Annotated

from pydantic import Field

from lockfiles.fields import Sha256
from lockfiles.receipt import Continued
from runner.runs.kind import Count, Report, RunKind, Tensors


class Trained(Report):
    """The report of `train`."""

    digests: Annotated[dict[Tensors, Sha256], Field(min_length=1)]
    """sha256 of its tensors: `adapter`, or `merged` after full fine-tuning."""
    steps: Count
    peak_bytes: Count
    continued: Continued | None = None
    """Where the training continued from."""
    step_seconds: Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]


KIND = RunKind(Trained, reads_base=True, trains=True, remade=False, tensors="result")
