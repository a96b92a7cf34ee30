"""What a data file is and what is wrong with it, as values."""

from collections.abc import Mapping
from dataclasses import dataclass

from planner.data.checks.finding import Finding
from planner.data.checks.lengths import Lengths
from planner.data.checks.plots import Bar


@dataclass(frozen=True)
class Report:
    """One data file, looked through."""

    format: str
    """The format of most rows."""
    formats: Mapping[str, int]
    """Rows of each format, the most first."""
    rows: int
    mapping: Mapping[str, str]
    """Columns that were mapped by hand: `prompt` and `completion` to their names."""
    lengths: Lengths
    unit: str
    """What lengths count: `tokens` with a model, else `characters`."""
    findings: tuple[Finding, ...]
    """The gravest first."""
    looked_at: int
    """Rows whose loss mask was looked at; 0 without a model."""
    histogram: tuple[Bar, ...]
    """Rows by their length, in steps of one width."""
    labels: tuple[Bar, ...]
    """Rows by their label, the most first; empty where answers are no labels."""

    repeats: tuple[Bar, ...] = ()
    """Rows by how often nearly the same is said; empty where all rows differ."""

    @property
    def refused(self) -> bool:
        """Whether the rows may not be trained on as they are."""
        return any(finding.severity == "refused" for finding in self.findings)
