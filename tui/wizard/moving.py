"""The application below the wizard: what is shown, and moving about in it."""

from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from textual.app import ComposeResult
from textual.binding import Binding
from textual.worker import WorkType

from lockfiles.errors import TunelockError
from planner.interview.questions import BY_KEY
from planner.questions.question import Question
from tui.session import background, store
from tui.session import draft as drafts
from tui.session.draft import Draft
from tui.session.facts import Facts
from tui.session.pages import step as pages
from tui.session.pages.page import Action, Noticed, Page
from tui.session.result import WizardResult
from tui.session.steps import ALL, Problem, problems
from tui.session.wording import said
from tui.terminal.screen import Sentenced
from tui.wizard.widgets import keys
from tui.wizard.widgets.view import Panel, Shown, View

_SLOW_SECONDS = 0.3
"""After this long without facts, the page says that they are being read."""


class Moving(Sentenced[WizardResult]):
    """Holds what is shown, reads the facts beside it, and goes from step to step."""

    CSS = "Screen { background: transparent; }"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS = [  # noqa: RUF012
        Binding(key.keys, key.action, key.label or key.id, tooltip=key.tooltip, id=key.id)
        for key in keys.KEYS
    ]

    def __init__(self, folder: Path, out: str, start: Draft, kept: Draft | None) -> None:
        super().__init__(ansi_color=True)
        self.theme = "ansi-dark"
        self.animation_level = "none"
        self.out, self.start = out, start
        self.facts = Facts(folder)
        page = pages.of_return(kept) if kept else pages.of_step(start, self.facts, out)
        self.shown = Shown(kept or start, page, _first(page))

    def compose(self) -> ComposeResult:
        yield View(self.shown)

    def on_mount(self) -> None:
        self.look()

    @property
    def draft(self) -> Draft:
        """The answers and the state of each step."""
        return self.shown.draft

    @property
    def _on_step(self) -> bool:
        return self.shown.page.title == ALL[self.draft.current].title

    @property
    def view(self) -> View:
        """The one widget below the screen."""
        return self.query_one(View)

    # What is shown

    def turn(self, page: Page, draft: Draft | None = None, key: str = "") -> None:
        """Show a page, with the cursor on the row `key`, else on its first question or row."""
        place = _place(page, key)
        cursor = _first(page) if place is None else place
        if page.title != self.shown.page.title:
            self.view.tell("")
            self.view.scroll(None)
        self.shown = Shown(draft or self.draft, page, cursor)
        self.view.show(self.shown)
        self.look()

    def go(self, draft: Draft, key: str = "") -> None:
        """Show the current step of a draft and keep it."""
        self.turn(pages.of_step(draft, self.facts, self.out), draft, key)
        self.keep()

    def beside(
        self, group: str, work: Callable[..., Coroutine[Any, Any, None]], *given: object
    ) -> None:
        """Run work beside the screen, in place of work of its group that still runs.

        It is called when it starts, so work that is cancelled before leaves nothing behind.
        """
        started: WorkType[None] = partial(work, *given)
        self.run_worker(started, group=group, exclusive=True)

    def look(self) -> None:
        """Read the facts of the page anew, in place of a reading that still runs."""
        row = self.shown.page.rows[self.shown.cursor]
        if isinstance(row, Noticed):
            self.workers.cancel_group(self, "facts")
            self.view.tell(row.text)
        else:
            self.beside("facts", self._read, self.shown.page)

    async def _read(self, page: Page) -> None:
        slow = self.set_timer(_SLOW_SECONDS, lambda: self.tell("Reading ..."))
        try:
            async for text in background.each(page.facts):
                slow.stop()
                self.tell(text)
        finally:
            slow.stop()
        self.renew()

    def tell(self, text: str) -> None:
        """Show a text as the facts; where the application ends, there is nobody to tell."""
        if self.is_running:
            self.view.tell(text)

    def renew(self) -> None:
        """Show the rows of a step that its facts have brought, with the cursor where it is."""
        if not (self._on_step and self.is_running):
            return
        page = pages.of_step(self.draft, self.facts, self.out)
        if page.rows != self.shown.page.rows:
            here = _key(self.shown.page.rows[self.shown.cursor])
            self.shown = replace(self.shown, page=page, cursor=_place(page, here) or 0)
            self.view.redraw(self.shown)

    def keep(self) -> None:
        """Save the answers, or say why that cannot be."""
        try:
            store.keep(self.draft, self.facts.folder, self.out)
        except TunelockError as problem:
            self.view.say(said(problem))

    # Moving about

    def action_move(self, by: int) -> None:
        """Move the cursor, or the facts while they have the page."""
        if self.shown.reading:
            self.view.scroll(by)
            return
        last = len(self.shown.page.rows) - 1
        self.shown = replace(self.shown, cursor=max(0, min(last, self.shown.cursor + by)))
        self.view.show(self.shown)
        if isinstance(self.shown.page.rows[self.shown.cursor], Noticed):
            self.look()

    def action_facts(self) -> None:
        """Give the facts the whole page, or take it back."""
        self.shown = replace(self.shown, reading=not self.shown.reading, panel=None)
        self.view.show(self.shown)
        if not self.shown.reading:
            self.look()

    def read_only(self, panel: Panel) -> None:
        """Show a text in place of the page until the person closes it."""
        for group in ("facts", "rows"):
            self.workers.cancel_group(self, group)
        self.shown = replace(self.shown, reading=True, panel=panel)
        self.view.show(self.shown)
        self.view.tell(panel.text)
        self.view.scroll(None)

    async def action_back(self) -> None:
        """Go a step back, or to the step from a page that asks something."""
        self.go(drafts.back(self.draft) if self._on_step else self.draft)

    def action_goto(self, step: str) -> None:
        """Go to a step, where those before it are in order."""
        if drafts.reachable(self.draft, step):
            self.go(drafts.going(self.draft, step))
        else:
            self.view.say(f"{step.capitalize()} comes later: n goes on from here, step by step.")

    def action_forward(self) -> None:
        """Check the step in a worker, and go on where nothing stands in the way."""
        if self.draft.current == "review" or not self._on_step:
            self.view.say("Choose a line and press Enter.")
            return
        self.view.say("Checking ...")
        self.beside("go", self._forward, self.draft)

    async def _forward(self, draft: Draft) -> None:
        step = ALL[draft.current]
        found = await background.one(lambda: problems(step, draft.values, self.facts))
        if draft is not self.draft:
            return
        if found:
            self.refuse(found[0])
        else:
            self.go(drafts.passing(draft))

    def refuse(self, problem: Problem) -> None:
        """Say what stands in the way, with the cursor on the question to answer."""
        if problem.key in BY_KEY and BY_KEY[problem.key].step == self.draft.current:
            self.turn(self.shown.page, key=problem.key)
        self.view.say(problem.sentence)


def _first(page: Page) -> int:
    """Return the place of the first question, or of the first row where nothing is asked."""
    asks = (place for place, row in enumerate(page.rows) if isinstance(row, Question))
    return next(asks, 0)


def _key(row: Question | Action) -> str:
    return row.key if isinstance(row, Question) else row.id


def _place(page: Page, key: str) -> int | None:
    """Return the place of a row by its key; None where the page has none."""
    return next((place for place, row in enumerate(page.rows) if _key(row) == key), None)
