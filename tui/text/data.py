"""The report of `tunelock data`, as text and as JSON."""

from collections.abc import Iterator

from lockfiles import fixes
from planner.data.checks.finding import Finding
from planner.data.checks.report import Report
from planner.data.mend.offers import Offer, offer
from tui.terminal.wrap import all_folded

_NAMED = 5
"""Maximum number of rows that a line lists."""
_LABELS, _LABEL_CHARS = 8, 30
"""Maximum number of labels that a line lists, and of characters of each."""
_KEYS = 20
"""Maximum number of keys that a line lists."""


def page(report: Report, name: str) -> list[str]:
    """Return the file's format and size, then the findings, the most severe first."""
    found = [*_file(report, name), ""]
    for finding in report.findings:
        found += _finding(finding)
    if not report.findings:
        found.append("No problems found.")
    return all_folded(found)


def _file(report: Report, name: str) -> Iterator[str]:
    formats = ", ".join(
        f"{found}" if len(report.formats) == 1 else f"{found} ({rows:,})"
        for found, rows in report.formats.items()
    )
    mapped = ", ".join(f"{part} is `{column}`" for part, column in report.mapping.items())
    yield f"file      {name}"
    yield f"rows      {report.rows:,}"
    yield f"format    {formats}{f': {mapped}' if mapped else ''}"
    yield from _labels(report)
    if used := used_keys(report):
        yield f"keys      {used}"
    found = report.lengths
    if found.rows:
        yield (
            f"length    {found.minimum:,} to {found.maximum:,} {report.unit}, median "
            f"{found.median:,}, 95th percentile {found.percentile_95:,}; {found.total:,} in total"
        )
    if report.looked_at:
        yield f"masks     checked in {report.looked_at:,} rows"


def _labels(report: Report) -> Iterator[str]:
    """Yield the instruction of a classification, and its most frequent labels."""
    if not report.labelled:
        return
    counts = [f"{shortened(bar.name)} {bar.rows:,}" for bar in report.labels[:_LABELS]]
    more = len(report.labelled.labels) - len(counts)
    listed = f": {', '.join(counts)}" if counts else ""
    others = f" and {more:,} more" if counts and more else ""
    numbers = " numbers without names" if report.labelled.numbered else ""
    yield f"labels    {len(report.labelled.labels):,}{numbers}{listed}{others}"
    yield f"system    {report.labelled.system}"


def shortened(name: str) -> str:
    """Return a label without its middle if it is long."""
    return name if len(name) <= _LABEL_CHARS else f"{name[: _LABEL_CHARS // 2]}…{name[-10:]}"


def used_keys(report: Report) -> str:
    """Return what each key that is used became, with how often the file has it."""
    used = [key for key in report.keys if key.became]
    named = [f"{key.path} as {key.became} ({key.count:,})" for key in used[:_KEYS]]
    return ", ".join(named + ([f"{len(used) - _KEYS} more"] if used[_KEYS:] else []))


def _finding(finding: Finding) -> Iterator[str]:
    yield f"{finding.severity:<9} {finding.id}: {finding.said}"
    if finding.rows:
        more = " …" if finding.rows_found > _NAMED else ""
        numbers = ", ".join(f"{row:,}" for row in finding.rows[:_NAMED])
        yield f"          rows {numbers}{more}"
    if finding.fix:
        yield f"          fix: {fixes.text(finding.ways)}"
    if mend := offered(finding):
        yield f"          or in run.toml, [data]: {mend.line} ({mend.said})"


def offered(finding: Finding) -> Offer | None:
    """Return the answer that fixes a finding; None if it needs no fix."""
    return offer(finding.id) if finding.fix else None


def _mend(finding: Finding) -> dict[str, object] | None:
    mend = offered(finding)
    return {"key": mend.key, "value": mend.value} if mend else None


def _classification(report: Report) -> dict[str, object]:
    how = report.labelled
    if not how:
        return {}
    return {
        "classification": {
            "prompt_column": how.prompt,
            "completion_column": how.completion,
            "system": how.system,
            "labels": {bar.name: bar.rows for bar in report.labels} or list(how.labels),
        }
    }


def record(report: Report) -> dict[str, object]:
    """Return the report as JSON values; rows are counted from 0."""
    return {
        "format": report.format,
        "formats": dict(report.formats),
        "rows": report.rows,
        "mapping": dict(report.mapping),
        **_classification(report),
        "keys": [
            {"key": key.path, "became": key.became or None, "count": key.count}
            for key in report.keys
        ],
        "lengths": report.lengths.record() | {"unit": report.unit},
        "checks": [
            {
                "id": finding.id,
                "severity": finding.severity,
                "count": finding.rows_found,
                "rows": list(finding.rows),
                "said": finding.said,
                "fix": fixes.text(finding.ways),
                "mend": _mend(finding),
            }
            for finding in report.findings
        ],
    }
