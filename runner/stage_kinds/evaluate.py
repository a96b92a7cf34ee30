"""Evaluate: on the lock's device, with held-out rows that the lock has."""

from typing import Annotated

from pydantic import Field

from runner.runs.kind import Count, Report, ReportTable, RunKind


class Scored(ReportTable):
    """One model on the held-out rows."""

    loss: float
    """NaN is possible."""
    accuracy: Annotated[float, Field(ge=0, le=1)]
    rows: Count


class Evaluated(Report):
    """What `evaluate` reports."""

    base: Scored
    tuned: Scored


KIND = RunKind(Evaluated, reads_base=True, trains=True)
