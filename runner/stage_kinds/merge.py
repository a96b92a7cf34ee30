"""Merge: loads the base model and the adapter."""

from typing import Annotated

from pydantic import Field

from runner.runs.kind import Count, Digest, Report, RunKind


class Merged(Report):
    """What `merge` reports."""

    digests: Annotated[dict[str, Digest], Field(min_length=1, max_length=4)]
    size_bytes: Count


KIND = RunKind(Merged, reads_base=True, trains=True, tensors="model")
