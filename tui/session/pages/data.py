"""The Data step's rows and facts, and the page that lists what is wrong with the data."""

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

FINDINGS = "What was found"
"""The title of the page that lists what is wrong with the data."""


def rows(values: Values, facts: Facts) -> Iterator[Question | Action]:
    """Yield what else there is to see, then the questions, for columns those that the file has."""
    looked = facts.reports.looked(values)
    if looked and looked.findings:
        from tui.session.panels import data

        yield Action("findings", f"Look closer at what was found: {data.tally(looked.findings)}")
    yield from x_ray(values)
    names = facts.column_names(values)
    for question in ALL["data"].applying(values):
        if names and question.key.endswith("_column"):
            yield replace(question, kind="choice", choices=names)
        else:
            yield question


def x_ray(values: Values) -> tuple[Action, ...]:
    """Return the row that shows training rows as training sees them, once that can be."""
    if not (values["data.train"] and values["model.source"]):
        return ()
    return (Action("x_ray", "See a row as training sees it (x)"),)


def facts_of(draft: Draft, facts: Facts, out: str) -> Iterator[str]:
    """Yield what the files are and what is wrong with them, as far as that is known."""
    from tui.session.panels import data

    values, reports = draft.values, facts.reports
    found = data.text(values, reports.looked(values), reports.seen)
    yield found
    if values["data.format"] == "columns" and values["data.train"]:
        from tui.session.panels import mapping

        with suppress(TunelockError):  # the report says what is wrong with the file
            yield paragraphs(mapping.text(facts.first_rows(values), values), found)


def of_findings(draft: Draft, facts: Facts) -> Page:
    """Return the page that lists the findings on the data; without rows where there are none."""
    looked = facts.reports.looked(draft.values)
    found = tuple(
        _noticed(finding, draft.values) for finding in (looked.findings if looked else ())
    )
    return Page(FINDINGS, found, lambda: iter(()), "f mends · Esc goes back")


def _noticed(finding: Finding, values: Values) -> Noticed:
    from tui.session.mending import mends
    from tui.session.panels import data
    from tui.text.data import offered

    mend = offered(finding)
    ways = ["Enter shows the first rows that have it"] if finding.rows else []
    if mend and mends(values, mend):
        ways.append("f leaves it as it is")
    elif mend:
        ways.append(f"f mends it: {mend.said}")
    return Noticed(
        "rows_of",
        data.finding_line(finding, values),
        f"{'; '.join(ways)}." if ways else "",
        finding=finding,
        text=data.finding_text(finding, values),
    )
