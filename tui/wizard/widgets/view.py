"""The whole screen as a function of a draft, a page and a place in it."""

import os
from dataclasses import dataclass

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widget import Widget

from planner.questions.question import Question
from tui.session import lines
from tui.session.draft import Draft
from tui.session.pages.page import Page
from tui.terminal.cells import folded
from tui.terminal.words import Words, content
from tui.terminal.wrap import wrapped
from tui.wizard.widgets.keys import TYPING, footer
from tui.wizard.widgets.lined import Lined, Rows

_BESIDE_ROWS = 22
"""Columns that the list of steps, the frame and the scroll bar take from a row."""
_BESIDE_FACTS = 23
"""The same, with the margins of the facts."""
_NOTE_SLACK = 16
"""Cells that wrapping two lines may lose."""


@dataclass(frozen=True)
class Panel:
    """A text that has the whole page for a while."""

    title: str
    """What stands in the frame."""
    text: str
    keys: str = "Esc goes back"
    """What the frame says about keys."""


@dataclass(frozen=True)
class Shown:
    """What is on the screen."""

    draft: Draft
    """The answers and the state of each step."""
    page: Page
    """The rows, and where the facts come from."""
    cursor: int = 0
    """The row under the cursor, from 0."""
    reading: bool = False
    """True while the facts, or a panel, have the whole page."""
    panel: Panel | None = None
    """What is read in place of the facts; None for those."""


class View(Vertical):
    """Header, steps, facts, rows, a note, and the keys."""

    DEFAULT_CSS = """
    View #too-small { display: none; padding: 1; }
    View.small Static { display: none; }
    View.small #middle { display: none; }
    View.small #too-small { display: block; }
    View #header, View #footer { height: 1; text-wrap: nowrap; text-overflow: clip; }
    View #header { text-style: bold; }
    View #middle { height: 1fr; }
    View #steps { width: 18; height: 100%; border: solid ansi_default; text-wrap: nowrap; }
    View #page { width: 1fr; height: 100%; border: solid ansi_default; }
    View #rows { border-top: dashed ansi_default; }
    View #note { height: auto; min-height: 2; max-height: 4; padding: 0 1; }
    """

    def __init__(self, shown: Shown) -> None:
        super().__init__()
        self._shown = shown
        self._texts: dict[str, tuple[str, ...]] = {}
        self._facts = ""
        self._words = ("", "")

    def compose(self) -> ComposeResult:
        yield Words(lines.TOO_SMALL, id="too-small")
        yield self._part("header", self._header())
        with Horizontal(id="middle"):
            steps = self._part("steps", *lines.steps(self._shown.draft))
            steps.border_title = "Steps"
            yield steps
            with Vertical(id="page") as page:
                self._frame(page)
                yield Lined(id="facts")
                yield Rows(self._rows(), id="rows")
        yield self._part("note", self._about())
        yield self._part("footer", footer())

    def on_resize(self, event: events.Resize) -> None:
        width, height = event.size
        self.set_class(width < lines.LEAST_WIDTH or height < lines.LEAST_HEIGHT, "small")
        self._draw()
        self.tell(self._facts)

    def show(self, shown: Shown) -> None:
        """Draw everything but the facts, which come later through `tell`."""
        self.redraw(shown)
        self.say("")

    def redraw(self, shown: Shown) -> None:
        """Draw as `show` does, and leave the sentence below the page."""
        self._shown = shown
        self._frame(self.query_one("#page"))
        rows = self.query_one(Rows)
        if rows.display == shown.reading:
            rows.display = not shown.reading
        self._draw()

    def _draw(self) -> None:
        self._text("header", self._header())
        self._text("steps", *lines.steps(self._shown.draft))
        rows = self.query_one(Rows)
        rows.show(self._rows())
        self.call_after_refresh(rows.follow, self._shown.cursor)

    def _frame(self, page: Widget) -> None:
        """Name the page; a frame drawn anew is sent with all that it holds, so only then."""
        panel, shown = self._shown.panel, self._shown.page
        way = "f goes back" if self._shown.reading else "f reads all"
        words = (panel.title, panel.keys) if panel else (shown.title, shown.keys or way)
        if words != self._words:
            self._words = words
            page.border_title, page.border_subtitle = (content([text]) for text in words)

    def tell(self, facts: str) -> None:
        """Show the facts of the page."""
        self._facts = facts
        width = self.facts_width
        lines = [line for whole in facts.split("\n") for line in wrapped(whole, width)]
        pieces = (piece for line in lines for piece in folded(line, width))
        self.query_one("#facts", Lined).show([(f" {piece}", "") for piece in pieces])

    @property
    def facts_width(self) -> int:
        """Cells of a line of the facts."""
        return max(1, self.app.size.width - _BESIDE_FACTS)

    def say(self, sentence: str) -> None:
        """Say a sentence below the page; an empty one explains the row under the cursor."""
        self._text("note", sentence or self._about())

    def typing(self, on: bool) -> None:
        """Say in the bottom line which keys hold: those of a line that is typed in, or all."""
        self._text("footer", TYPING if on else footer())

    def scroll(self, rows: int | None) -> None:
        """Move the facts by some lines, or back to their beginning."""
        facts = self.query_one("#facts")
        if rows is None:
            facts.scroll_home(animate=False)
        else:
            facts.scroll_relative(y=rows, animate=False)

    def _about(self) -> str:
        """Return what the row under the cursor asks, as far as the row does not say it."""
        row = self._shown.page.rows[self._shown.cursor]
        if self._shown.panel:
            return ""
        if not isinstance(row, Question):
            return row.about
        text = f"{row.title}: {row.help}" if "…" in self._row(self._shown.cursor)[0] else row.help
        choices = f"[{' · '.join(row.choices)}] " if row.kind == "choice" else ""
        room = 2 * self.app.size.width - _NOTE_SLACK
        return choices + text if len(choices + text) <= room else text

    def _header(self) -> str:
        ssh = "SSH_CONNECTION" in os.environ
        return lines.header(self._shown.draft, self.app.size.width, ssh=ssh)

    def _rows(self) -> list[tuple[str, str]]:
        return [self._row(index) for index in range(len(self._shown.page.rows))]

    def _row(self, index: int) -> tuple[str, str]:
        row, here = self._shown.page.rows[index], index == self._shown.cursor
        if not isinstance(row, Question):
            beside = any(isinstance(other, Question) for other in self._shown.page.rows)
            mark = f"{'▸' if here else ' '} {'  ' if beside else ''}"
            return mark + row.title, "bold" if here else ""
        values = self._shown.draft.values
        style = "bold" if here else "dim" if values[row.key] == row.default else ""
        width = max(12, self.app.size.width - _BESIDE_ROWS)
        return lines.row(row, values, width, here=here), style

    def _part(self, where: str, *lines: str) -> Words:
        self._texts[where] = lines
        return Words(*lines, id=where)

    def _text(self, where: str, *lines: str) -> None:
        """Change one part; what is there already costs nothing on the wire."""
        if self._texts[where] != lines:
            self._texts[where] = lines
            self.query_one(f"#{where}", Words).tell(*lines, layout=False)
