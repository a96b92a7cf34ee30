"""What `tunelock doctor` found, one line for each, and what to type for what is missing."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing that was looked for."""

    what: str
    """The name of a package or of a part of the machine."""
    found: str
    """A version or a description; empty where it is missing."""
    mend: str
    """The command that adds or renews it; empty where nothing is wrong."""


def table(findings: Iterable[Finding]) -> list[str]:
    """Return one line for each finding, its name and what was found in columns."""
    listed = list(findings)
    width = max(len(finding.what) for finding in listed)
    return [f"{item.what:<{width}}  {item.found or 'missing'}" for item in listed]


def hints(findings: Iterable[Finding]) -> list[str]:
    """Return what to type, once each, in the order of the findings."""
    return list(dict.fromkeys(finding.mend for finding in findings if finding.mend))
