"""Report: writes files and reports nothing else."""

from runner.runs.kind import Report, RunKind


class Reported(Report):
    """The report of `report`, which is empty."""


KIND = RunKind(Reported, publishes=True)
