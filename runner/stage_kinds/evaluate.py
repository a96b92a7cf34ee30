"""Evaluate: runs on the lock's device, on its held-out rows."""

from typing import Annotated

from pydantic import Field

from runner.runs.kind import Count, Report, ReportTable, RunKind


class Scored(ReportTable):
    """The scores of one model on the held-out rows."""

    loss: float
    """May be NaN."""
    accuracy: Annotated[float, Field(ge=0, le=1)]
    rows: Count


class Evaluated(Report):
    """The report of `evaluate`."""

    base: Scored
    tuned: Scored


KIND = RunKind(Evaluated, reads_base=True, trains=True)
