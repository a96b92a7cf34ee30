"""The report on a data file, as values."""

from collections.abc import Mapping
from dataclasses import dataclass

from planner.data.checks.finding import Finding
from planner.data.checks.lengths import Lengths
from planner.data.checks.plots import Bar
from planner.data.reading.account import Key
from planner.data.reading.classification import Labelled


@dataclass(frozen=True)
class Report:
    """The report on one data file."""

    format: str
    """The format of most rows."""
    formats: Mapping[str, int]
    """Rows of each format, most frequent first."""
    rows: int
    mapping: Mapping[str, str]
    """Column mapping that a person set: `prompt` and `completion` to column names."""
    lengths: Lengths
    unit: str
    """The unit of lengths: `tokens` with a model, else `characters`."""
    findings: tuple[Finding, ...]
    """The most severe first."""
    looked_at: int
    """Rows whose loss mask was checked; 0 without a model."""
    histogram: tuple[Bar, ...]
    """Rows by length, in bins of equal width."""
    labels: tuple[Bar, ...]
    """Rows by label, most frequent first; empty if answers are not labels."""
    keys: tuple[Key, ...] = ()
    """What became of each key of the file."""
    labelled: Labelled | None = None
    """How the rows were read, if they are a classification."""
    repeats: tuple[Bar, ...] = ()
    """Rows by the number of near duplicates; empty if all rows differ."""

    @property
    def refused(self) -> bool:
        """Whether the rows cannot be used for training."""
        return any(finding.severity == "refused" for finding in self.findings)
