"""Train: on the lock's device."""

from typing import Annotated

from pydantic import Field

from runner.runs.kind import Count, Digest, Report, RunKind


class Trained(Report):
    """What `train` reports."""

    digests: Annotated[dict[str, Digest], Field(min_length=1, max_length=4)]
    """sha256 of the tensors it left: `adapter`, or `merged` where all weights were trained."""
    steps: Count
    peak_bytes: Count
    step_seconds: Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]


KIND = RunKind(Trained, reads_base=True, trains=True, tensors="result")
