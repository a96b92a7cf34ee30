"""The data: checked in the background while the user answers, and its rows shown."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

from lockfiles.harmless import escaped, paragraphs
from tui.session.draft import Draft
from tui.session.pages import data
from tui.session.pages.data import FINDINGS
from tui.session.pages.page import Noticed
from tui.session.reports import Looked
from tui.session.request import SPLITS, DataRequest, data_request
from tui.session.steps import ALL, LABELLED
from tui.wizard.moving import Moving
from tui.wizard.widgets.view import Panel, Shown

if TYPE_CHECKING:
    from planner.data.checks.finding import Finding
    from tui.session.row_request import NoRow, RowText
    from tui.wizard.child import Child

_SHOWN = 20
"""Maximum rows of a finding that are shown."""
_X_RAY_KEYS = "←→ row · g row number · Esc closes"
_ENDED = "The data check stopped because of an internal error. Hint: tunelock data {}."


class Looking(Moving):
    """Runs child processes that check the data, and shows their results."""

    row = 0
    """The training row that is shown as training sees it, or was last."""
    _rows: Child | None = None
    """The process that reads these rows, while one is shown."""

    def look(self) -> None:
        """Reread the facts of the page, and check the data if that is due."""
        if not self.shown.panel:
            self.workers.cancel_group(self, "rows")
        super().look()
        if self.shown.page.title not in (ALL["data"].title, FINDINGS):
            self.workers.cancel_group(self, "report")
            self.facts.reports.stop()
        elif request := self.facts.reports.wanted(self.draft.values):
            self.beside("report", self._look_through, request)

    async def _look_through(self, request: DataRequest) -> None:
        from tui.wizard.child import Child

        reports, whole = self.facts.reports, False
        async with aclosing(Child("report", request).answers()) as answers:
            async for found in answers:
                assert isinstance(found, Looked | int)
                whole = isinstance(found, Looked)
                reports.take(request, found)
                self._told()
        if not whole:
            reports.take(request, Looked(problems={"train": _ENDED.format(request.named("train"))}))
            self._told()

    def _told(self) -> None:
        """Update the facts if the data's page is shown."""
        on_data = self._on_step and self.draft.current == "data" and not self.shown.panel
        if on_data and self.is_running:
            super().look()

    # The rows of a finding

    async def action_findings(self) -> None:
        """List the findings."""
        self._list(self.draft, 0)

    def _list(self, draft: Draft, cursor: int) -> None:
        """List the findings, or show the step if a file has changed meanwhile."""
        page = data.of_findings(draft, self.facts)
        if not page.rows:
            self.go(draft)
            return
        self.shown = Shown(draft, page, cursor)
        self.view.show(self.shown)
        self.view.scroll(None)
        self.look()

    async def action_accept_labels(self) -> None:
        """Confirm that the rows are a classification."""
        from tui.session.draft import answer

        self.go(answer(self.draft, "data.format", LABELLED))

    async def action_rows_of(self) -> None:
        """Show the first rows of the finding under the cursor."""
        row = self.shown.page.rows[self.shown.cursor]
        assert isinstance(row, Noticed)
        if not row.finding.rows:
            self.view.say("This finding is about the file, not about single rows.")
            return
        self.read_only(Panel(f"Rows: {row.finding.id}", "Reading ..."))
        self.beside("rows", self._read_rows, row.finding)

    async def action_mend(self) -> None:
        """Fix the finding under the cursor with an answer, or undo that."""
        from tui.session.mending import toggled
        from tui.text.data import offered

        row = self.shown.page.rows[self.shown.cursor]
        assert isinstance(row, Noticed)
        if not (mend := offered(row.finding)):
            self.view.say("No setting fixes this; edit the file as described.")
            return
        self._list(toggled(self.draft, mend), self.shown.cursor)
        self.keep()

    async def _read_rows(self, finding: Finding) -> None:
        from tui.session.panels import row as panel
        from tui.session.row_request import Opening, RowText
        from tui.wizard.child import Child

        request, numbers = data_request(self.draft.values, self.facts.folder), finding.rows[:_SHOWN]
        child = Child("rows", Opening(request, _split(finding, request), as_trained=False))
        for number in numbers:
            child.ask(number)
        texts = [f"{len(numbers):,} of {finding.rows_found:,} rows, counted from 0:"]
        async with aclosing(child.answers()) as answers:
            async for found in answers:
                if isinstance(found, RowText):
                    texts.append(panel.render(found, self.view.facts_width))
                    self._fill(paragraphs(*texts))
                if len(texts) > len(numbers):
                    return

    def _fill(self, text: str, title: str = "") -> None:
        """Show a text in the open panel."""
        if (panel := self.shown.panel) and self.is_running:
            panel = replace(panel, text=text, title=title or panel.title)
            self.shown = replace(self.shown, panel=panel)
            self.view.redraw(self.shown)
            self.view.show_facts(text)

    # A row as training sees it

    @property
    def seeing_through(self) -> bool:
        """Whether a row is shown as training sees it."""
        return bool(self._rows and self.shown.panel)

    async def action_x_ray(self) -> None:
        """Show a row as training sees it."""
        values = self.draft.values
        for key in ("data.train", "model.source"):
            if not values[key]:
                step = key.partition(".")[0].capitalize()
                self.view.say(f"This needs a model and training rows: step {step} has none yet.")
                return
        row = self.shown.page.rows[self.shown.cursor]
        if isinstance(row, Noticed) and row.finding.rows:
            self.row = row.finding.rows[0]
        self.read_only(Panel("As training sees it", "Reading the model ...", _X_RAY_KEYS))
        self.beside("rows", self._see_through)

    def turn_row(self, to: int) -> None:
        """Show another row as training sees it; rows are counted from 0."""
        self.view.say("")
        self._ask(max(0, to))

    def _ask(self, row: int) -> None:
        assert self._rows
        self.row = row
        self._rows.ask(row)

    async def _see_through(self) -> None:
        from tui.session.row_request import NoRow, Opening, RowText
        from tui.wizard.child import Child

        values = self.draft.values
        request = data_request(values, self.facts.folder)
        redact, long = bool(values["data.redact"]), str(values["data.long"])
        child = self._rows = Child("rows", Opening(request, "train", True, redact, long))
        child.ask(self.row)
        try:
            async with aclosing(child.answers()) as answers:
                async for found in answers:
                    assert isinstance(found, RowText | NoRow)
                    if found.number == self.row and self.is_running:
                        self._see(found)
        finally:
            if self._rows is child:
                self._rows = None
        self._fill(escaped(_ENDED.format(request.named("train"))))

    def _see(self, found: RowText | NoRow) -> None:
        from tui.session.panels import row as panel
        from tui.session.row_request import NoRow

        if isinstance(found, NoRow):
            self.view.say(f"There is no row {found.number:,}; the last row is {found.rows - 1:,}.")
            self._ask(found.rows - 1)
            return
        self._fill(panel.render(found, self.view.facts_width))
        self.view.scroll(None)


def _split(finding: Finding, request: DataRequest) -> str:
    """Return the split whose rows a finding lists: training, or the held-out split of its file."""
    for split in SPLITS[1:]:
        if finding.file and finding.file == request.named(split):
            return split
    return "train"
