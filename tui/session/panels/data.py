"""The detected formats of the data files, the findings, and the first row."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from lockfiles.harmless import joined
from tui.session import wording
from tui.session.mending import mends
from tui.session.reports import Looked
from tui.text.data import offered

if TYPE_CHECKING:
    from planner.data.checks.finding import Finding, Severity
    from planner.data.checks.report import Report
    from planner.data.mend.offers import Offer
    from planner.data.reading.classification import Labelled

_NO_FILE = {
    "train": "choose a file below",
    "validation": "split off from the training file",
    "test": "no file; validation is used",
}
_NEWLINE = "⏎ "
_SYMBOLS: dict["Severity", str] = {"refused": "✗", "warning": "!", "note": "·"}


def render(values: Mapping[str, object], looked: Looked | None, rows_read: int) -> str:
    """Return the format of each split's file, the findings, and the first row.

    Without a report, `rows_read` rows have been read so far.
    """
    if not looked:
        return joined(_waiting(values, rows_read))
    lines = list(_files(values, looked))
    if looked.report:
        lines += ["", *_findings(looked.findings, values)]
    if looked.first:
        lines += ["", "The first training row:"]
        lines += [f"  {role}: {said.replace(chr(10), _NEWLINE)}" for role, said in looked.first]
    return joined(lines)


def finding_line(finding: "Finding", values: Mapping[str, object]) -> str:
    """Return a finding as one line: symbol, severity, id and number of affected rows."""
    rows = finding.rows_found
    count = f"{rows:,} {'row' if rows == 1 else 'rows'}" if rows else "entire file"
    symbol, word = _SYMBOLS[finding.severity], str(finding.severity)
    if _mend(finding, values):
        symbol, word = "✓", "mended"
    return f"{symbol} {word:<7}  {finding.id:<20}  {count}"


def finding_text(finding: "Finding", values: Mapping[str, object]) -> str:
    """Return a finding's description, and how to fix it or that it will be fixed."""
    lines = [finding.said]
    if mend := _mend(finding, values):
        lines.append(f"Will be fixed: {mend.said}.")
    elif finding.fix:
        lines.append(f"Fix: {wording.fix(finding.ways)}.")
    return joined(lines)


def _mend(finding: "Finding", values: Mapping[str, object]) -> "Offer | None":
    """Return the fix for a finding that the answers include; None without one."""
    mend = offered(finding)
    return mend if mend and mends(values, mend) else None


def tally(findings: Sequence["Finding"]) -> str:
    """Return the number of findings of each severity as text."""
    counts = Counter(finding.severity for finding in findings)
    words: dict[Severity, str] = {"refused": "refused", "warning": "warnings", "note": "notes"}
    return ", ".join(
        f"{count} {word if count == 1 else words[word]}"
        for word in _SYMBOLS
        if (count := counts[word])
    )


def lengths(report: "Report") -> str:
    """Return the distribution of row lengths as text."""
    found = report.lengths
    return (
        f"{found.minimum:,} to {found.maximum:,} {report.unit}, median {found.median:,}, "
        f"p95 {found.percentile_95:,}"
    )


def _waiting(values: Mapping[str, object], rows_read: int) -> Iterator[str]:
    for split, no_file in _NO_FILE.items():
        named = values[f"data.{split}"]
        yield f"{split:<11} {named or no_file}"
    if values["data.train"]:
        yield f"reading     {rows_read:,} rows so far ..."


def _files(values: Mapping[str, object], looked: Looked) -> Iterator[str]:
    for split, no_file in _NO_FILE.items():
        part = looked.parts.get(split)
        if split in looked.problems:
            yield f"{split:<11} {looked.problems[split]}"
        elif part:
            yield f"{split:<11} {part.rows:,} rows · format {part.format}"
        else:
            yield f"{split:<11} {values[f'data.{split}'] or no_file}"
        if split == "train" and looked.report and looked.report.labelled:
            yield from _labels(looked.report.labelled)
        if split == "train" and looked.report and looked.report.lengths.rows:
            yield f"lengths     {lengths(looked.report)}"
    if "model" in looked.problems:
        yield f"model       {looked.problems['model']}"


def _labels(how: "Labelled") -> Iterator[str]:
    yield f"labels      {len(how.labels):,} in `{how.completion}`, of the texts in `{how.prompt}`"
    yield f"system      {how.system.replace(chr(10), _NEWLINE)}"


def _findings(findings: Sequence["Finding"], values: Mapping[str, object]) -> Iterator[str]:
    for finding in findings:
        yield finding_line(finding, values)
        yield from (f"  {line}" for line in finding_text(finding, values).split("\n"))
    if not findings:
        yield "✓ No problems found."
