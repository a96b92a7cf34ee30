"""The full-screen faces, drawn without a terminal, with one string wherever they show text."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from textual.app import App
from textual.pilot import Pilot

from planner.data.checks.finding import Finding
from runner.runs.events import Event
from tests.trust.faces import events
from tests.trust.hostile import acts
from tests.tui.wizard.samples import answered
from tui.dashboard.app import Changed, Dashboard
from tui.dashboard.journal import Journal
from tui.session.pages.page import Action, Noticed, Page
from tui.snapshot import empty, fold
from tui.snapshot.narrator import lines
from tui.wizard.shell import Wizard
from tui.wizard.widgets.edit_line import EditLine
from tui.wizard.widgets.view import Panel, Shown

SIZE = (80, 24)


def faults(app: App[Any]) -> list[str]:
    """Return what is wrong with the screen: characters that act, links, and styles that do."""
    wrong: list[str] = []
    for strip in app.screen._compositor.render_strips():
        for segment in strip:
            wrong += [f"U+{ord(char):04X}" for char in segment.text if acts(char)]
            if segment.style and (segment.style.link or "@click" in segment.style.meta):
                wrong.append(f"a link: {segment.text!r}")
    return wrong


def text_of(app: App[Any]) -> str:
    """Return the text of the screen."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


async def wizard_faults(texts: Iterable[str], folder: Path) -> list[str]:
    """Return what was wrong with the wizard's screen for each string; `folder` holds the demo."""
    app = Wizard(folder, "run.toml", answered(), None)
    wrong: list[str] = []
    async with app.run_test(size=SIZE) as run:
        for text in texts:
            async for what in _wizard_pages(app, run, text):
                wrong += [f"wizard, {what}: {one} of {text[:60]!r}" for one in faults(app)[:1]]
    return wrong


async def _wizard_pages(app: Wizard, run: Pilot[Any], text: str) -> AsyncIterator[str]:
    app.workers.cancel_all()
    draft = answered(goal__name=text, goal__override=text, data__train=text, data__system=text)
    finding = Finding("empty", "warning", (), text, text)
    rows = (
        Action("close", text, text),
        Noticed("rows_of", text, text, finding=finding, text=text),
    )
    page = Page(text, rows, lambda: iter([text]), text)
    app.shown = Shown(draft, page, 0)
    app.view.show(app.shown)
    app.view.show_facts(text)
    app.view.say(text)
    await run.pause()
    yield "page"
    app.shown = replace(app.shown, reading=True, panel=Panel(text, text, text))
    app.view.show(app.shown)
    app.view.show_facts(text)
    line = EditLine("goal.name", text, text)
    await app.view.mount(line, before="#note")
    app.screen.set_focus(line.input)
    await run.pause()
    yield "panel and line to type in"
    await line.remove()


async def dashboard_faults(texts: Iterable[str]) -> list[str]:
    """Return what was wrong with the dashboard's screen for each string."""
    wrong: list[str] = []
    app = Dashboard(_Silent(), empty("demo"), wait=lambda leaving: leaving.wait(0.2))
    async with app.run_test(size=SIZE) as run:
        journal = app.query_one(Journal)
        for text in texts:
            snapshot, news = empty(text), list[str]()
            for told in events(text):
                seq, moment = told.pop("seq"), told.pop("time")
                stage, kind = str(told.pop("stage")), str(told.pop("kind"))
                assert isinstance(seq, int) and isinstance(moment, float)
                event = Event(seq, moment, stage, kind, told)
                snapshot = fold(snapshot, [event])
                news += lines(event, snapshot)
            app.post_message(Changed(snapshot, news))
            await run.pause()
            wrong += [f"dashboard: {one} of {text[:60]!r}" for one in faults(app)[:1]]
            journal.toggle()
            await run.pause()
            wrong += [f"dashboard, samples: {one} of {text[:60]!r}" for one in faults(app)[:1]]
            journal.toggle()
    return wrong


class _Silent:
    """Events that never come."""

    def poll(self) -> tuple[list[Event], int | None]:
        return [], None
