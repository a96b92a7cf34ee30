"""Prepare: downloads inputs from the Hub."""

from typing import Annotated

from pydantic import Field

from runner.runs.kind import Count, Report, RunKind


class Prepared(Report):
    """The report of `prepare`."""

    rows: Annotated[dict[str, Count], Field(max_length=16)]
    """Number of rows by split."""
    learnt: Annotated[dict[str, Count], Field(max_length=16)] = Field(default_factory=dict)
    """Number of rows that are also training rows, by held-out split, if there are any."""


KIND = RunKind(Prepared, online=True, reads_base=True)
