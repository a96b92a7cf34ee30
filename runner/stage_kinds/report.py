"""Report: its files say it."""

from runner.runs.kind import Report, RunKind


class Reported(Report):
    """What `report` reports: nothing."""


KIND = RunKind(Reported, publishes=True)
