"""Prepare: fetches what lies on the Hub."""

from typing import Annotated

from pydantic import Field

from runner.runs.kind import Count, Report, RunKind


class Prepared(Report):
    """What `prepare` reports."""

    rows: Annotated[dict[str, Count], Field(max_length=16)]
    """Rows by split."""
    learnt: Annotated[dict[str, Count], Field(max_length=16)] = Field(default_factory=dict)
    """By held-out split the rows that are training rows too, where there are any."""


KIND = RunKind(Prepared, online=True, reads_base=True)
