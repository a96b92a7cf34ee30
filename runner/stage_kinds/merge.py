"""Merge: loads the base model and the adapter."""

from typing import Annotated

from pydantic import Field

from lockfiles.fields import Sha256
from runner.runs.kind import Count, Report, RunKind, Tensors


class Merged(Report):
    """The report of `merge`."""

    digests: Annotated[dict[Tensors, Sha256], Field(min_length=1)]
    size_bytes: Count


KIND = RunKind(Merged, reads_base=True, trains=True, tensors="model")
