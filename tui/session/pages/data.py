"""The Data step's rows and facts, and the page that lists the findings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from lockfiles.errors import TunelockError
from lockfiles.harmless import paragraphs
from planner.questions.question import Question
from tui.session.draft import Draft
from tui.session.facts import Facts
from tui.session.pages.page import Action, Noticed, Page
from tui.session.steps import ALL, Values

if TYPE_CHECKING:
    from planner.data.checks.finding import Finding

FINDINGS = "Findings"
"""The title of the page that lists problems of the data."""


def rows(values: Values, facts: Facts) -> Iterator[Question | Action]:
    """Yield the actions, then the questions, with the file's columns as choices."""
    looked = facts.reports.looked(values)
    if looked and looked.findings:
        from tui.session.panels import data

        yield Action("findings", f"Show findings: {data.tally(looked.findings)}")
    how = looked.report.labelled if looked and looked.report else None
    if how and values["data.format"] == "auto":
        yield Action("accept_labels", "Yes, read the rows as a classification", how.sentence)
    yield from x_ray(values)
    names = facts.column_names(values)
    for question in ALL["data"].applying(values):
        if names and question.key.endswith("_column"):
            yield replace(question, kind="choice", choices=names)
        else:
            yield question


def x_ray(values: Values) -> tuple[Action, ...]:
    """Return the action that shows rows as training sees them, once that is possible."""
    if not (values["data.train"] and values["model.source"]):
        return ()
    return (Action("x_ray", "Show a row as training sees it (x)"),)


def facts_of(draft: Draft, facts: Facts, out: str) -> Iterator[str]:
    """Yield the formats of the files and the findings known so far."""
    from tui.session.panels import data

    values, reports = draft.values, facts.reports
    found = data.render(values, reports.looked(values), reports.rows_read)
    yield found
    if values["data.format"] == "columns" and values["data.train"]:
        from tui.session.panels import mapping

        with suppress(TunelockError):  # the report shows the file's error
            yield paragraphs(mapping.render(facts.first_rows(values), values), found)


def of_findings(draft: Draft, facts: Facts) -> Page:
    """Return the page that lists the findings; without rows if there are none."""
    looked = facts.reports.looked(draft.values)
    found = tuple(
        _noticed(finding, draft.values) for finding in (looked.findings if looked else ())
    )
    return Page(FINDINGS, found, lambda: iter(()), "f fixes · Esc closes")


def _noticed(finding: Finding, values: Values) -> Noticed:
    from tui.session.mending import mends
    from tui.session.panels import data
    from tui.text.data import offered

    mend = offered(finding)
    ways = ["Enter shows the first affected rows"] if finding.rows else []
    if mend and mends(values, mend):
        ways.append("f undoes the fix")
    elif mend:
        ways.append(f"f fixes it: {mend.said}")
    return Noticed(
        "rows_of",
        data.finding_line(finding, values),
        f"{'; '.join(ways)}." if ways else "",
        finding=finding,
        text=data.finding_text(finding, values),
    )
