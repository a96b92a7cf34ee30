"""The findings of `tunelock doctor`, one line each, and how to install what is missing."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing that was checked."""

    what: str
    """The name of a package or a part of the machine."""
    found: str
    """A version or a description; empty if it is missing."""
    mend: str
    """How to install or update it; empty if nothing is wrong."""


def table(findings: Iterable[Finding]) -> list[str]:
    """Return one line per finding, with its name and result in columns."""
    listed = list(findings)
    width = max(len(finding.what) for finding in listed)
    return [f"{item.what:<{width}}  {item.found or 'missing'}" for item in listed]


def hints(findings: Iterable[Finding]) -> list[str]:
    """Return the hints without duplicates, in the order of the findings."""
    return list(dict.fromkeys(finding.mend for finding in findings if finding.mend))
