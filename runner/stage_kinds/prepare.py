"""Prepare: downloads inputs from the Hub."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from lockfiles.lock import Lock
from runner.runs.kind import Count, Report, RunKind


class Prepared(Report):
    """The report of `prepare`."""

    rows: Annotated[dict[str, Count], Field(max_length=16)]
    """Number of rows by split."""
    learnt: Annotated[dict[str, Count], Field(max_length=16)] = Field(default_factory=dict)
    """Number of rows that are also training rows, by held-out split, if there are any."""
    samples: Count | None = None
    """Number of held-out rows that later stages show; missing in the first version of reports."""


def _serves(lock: Lock, report: Mapping[str, Any]) -> bool:
    """Return whether the rows that later stages show were written. Its digest does not say so:
    another number of samples must not train again."""
    return report.get("samples") in (None, lock.samples)


KIND = RunKind(Prepared, online=True, reads_base=True, serves=_serves)
