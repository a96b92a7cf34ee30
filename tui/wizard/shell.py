"""The wizard's application: answering, commands, and the ways to end."""

import asyncio
import signal
from typing import Literal

from lockfiles.errors import TunelockError
from lockfiles.harmless import joined
from planner.interview.questions import BY_KEY
from planner.questions.question import Question, from_text
from tui.session import background
from tui.session import draft as drafts
from tui.session.draft import STEPS
from tui.session.pages import finish
from tui.session.pages import step as pages
from tui.session.pages.data import FINDINGS
from tui.session.wording import said
from tui.wizard.looking import Looking
from tui.wizard.widgets import keys
from tui.wizard.widgets.edit_line import EditLine
from tui.wizard.widgets.view import Panel


class Wizard(Looking):
    """Turns keys into answers, and the answers into files."""

    problem: TunelockError | None = None
    """What kept the answers from being saved at the end."""

    def on_mount(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGHUP, signal.SIGTERM):
            loop.add_signal_handler(number, self.action_leave)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave the keys to the line that is typed in, and the rows alone while hidden."""
        if self._editing:
            return action in ("close", "leave", "quit", "help_quit")
        if action == "cycle" and self.seeing_through:
            return True
        if action in ("mend", "facts"):
            mends = self.shown.page.title == FINDINGS and not self.shown.panel
            return mends == (action == "mend")
        return not (self.shown.reading and action in ("choose", "cycle"))

    # Answering

    async def action_choose(self) -> None:
        """Change the answer under the cursor, or do what the row says."""
        row = self.shown.page.rows[self.shown.cursor]
        if not isinstance(row, Question):
            await self.run_action(row.id)
        elif row.kind in ("boolean", "choice"):
            self.action_cycle(1)
        else:
            await self._edit(row)

    def action_cycle(self, by: int) -> None:
        """Take another of the possible answers, or show another row."""
        if self.seeing_through:
            self.turn_row(self.row + by)
            return
        row = self.shown.page.rows[self.shown.cursor]
        if not isinstance(row, Question) or row.kind not in ("boolean", "choice"):
            return
        value = self.draft.values[row.key]
        if isinstance(value, bool):
            self._answer(row, not value)
        else:
            before = -1 if by > 0 else 0
            place = row.choices.index(str(value)) if value in row.choices else before
            self._answer(row, row.choices[(place + by) % len(row.choices)])

    def _answer(self, question: Question, value: object) -> None:
        self.go(drafts.answer(self.draft, question.key, value), question.key)

    async def _edit(self, question: Question) -> None:
        value = self.draft.values[question.key]
        text = ", ".join(value) if isinstance(value, tuple) else str(value)
        await self._type(question.key, question.name, text)
        if question.choices:
            self.view.say(f"Any of {', '.join(question.choices)}, with commas between them.")

    async def _type(self, about: str, label: str, text: str) -> None:
        """Open the line at the bottom; keys that follow at once reach it."""
        line = EditLine(about, label, text)
        self.view.typing(True)
        await self.view.mount(line, before="#note")
        self.screen.set_focus(line.input)

    @property
    def _editing(self) -> bool:
        return bool(self.query(EditLine))

    def on_edit_line_typed(self, event: EditLine.Typed) -> None:
        """Take an answer, a command or a row's number, or say what is wrong with it."""
        others = {":": self._command, "row": self._go_to_row}
        if event.about in others:
            others[event.about](event.text)
            return
        question = BY_KEY[event.about]
        try:
            value = from_text(question, event.text)
        except ValueError as problem:
            self.view.say(f"`{question.title}` {problem}.")
            return
        if question.kind == "path" and value and not self.facts.exists(str(value)):
            self.view.say(f"`{value}` does not exist.")
            return
        self._untype()
        self._answer(question, value)

    # Commands

    async def action_commands(self) -> None:
        """Ask for the name of a command."""
        await self._type(":", "command", "")
        self.view.say(", ".join(key.id for key in keys.KEYS))

    def _command(self, text: str) -> None:
        key = keys.find(text)
        if not key:
            self.view.say(f"`{text}` is no one command of: {', '.join(k.id for k in keys.KEYS)}.")
            return
        self._untype()
        self.call_after_refresh(self.run_action, key.action)

    async def action_row(self) -> None:
        """Ask for the number of the row to see as training sees it."""
        if self.seeing_through:
            await self._type("row", "row, from 0", "")
        else:
            self.view.say("g asks for a row's number while a row is seen as training sees it: x.")

    def _go_to_row(self, text: str) -> None:
        number = text.strip().replace(",", "")
        if not number.isascii() or not number.isdigit():
            self.view.say("A row's number is a whole number from 0.")
            return
        self._untype()
        if self.seeing_through:
            self.turn_row(int(number[:9]))

    def _untype(self) -> None:
        """Close the line at the bottom."""
        self.query(EditLine).remove()
        self.view.typing(False)

    def action_help(self) -> None:
        """Explain the question under the cursor, and the keys."""
        row = self.shown.page.rows[self.shown.cursor]
        about = keys.question_lines(row) if isinstance(row, Question) else []
        text = joined([*about, "Keys:", *keys.help_lines()])
        self.read_only(Panel("Help", text))

    def action_close(self) -> None:
        """Close the line, the facts or the page that is open."""
        if self._editing:
            self._untype()
            self.view.say("")
        elif self.shown.reading:
            self.action_facts()
        elif self.shown.page.title in (pages.START, FINDINGS):
            self.go(self.draft, "findings")

    # Ending

    def action_go_on(self) -> None:
        """Show the step at which the kept draft was left."""
        self.go(self.draft)

    def action_start_over(self) -> None:
        """Forget the kept draft."""
        self.go(self.start)

    def action_write(self) -> None:
        """Write both files and end."""
        self._finish("written")

    def action_write_and_start(self) -> None:
        """Write both files and end with the yes to start."""
        self._finish("start")

    def action_ask_start(self) -> None:
        """Ask for the separate yes, with hours and disk named."""
        if not self._stale():
            self.turn(pages.of_start(self.draft, self.facts))

    def _stale(self) -> bool:
        names = [step for step in STEPS if step in self.draft.stale and step != "review"]
        if names:
            number = STEPS.index(names[0]) + 1
            self.view.say(
                f"{names[0].capitalize()} is stale: something that it depends on changed. "
                f"Press {number} to look at it, and n when it is right."
            )
        return bool(names)

    def _finish(self, kind: Literal["written", "start"]) -> None:
        if not self._stale():
            self.view.say("Reading everything once more, and writing ...")
            self.beside("write", self._write, kind)

    async def _write(self, kind: Literal["written", "start"]) -> None:
        values = self.draft.values
        try:
            ended = await background.one(lambda: finish.write(values, self.facts, self.out, kind))
        except TunelockError as problem:
            self.view.say(said(problem))
        else:
            self.exit(ended)

    def action_leave(self) -> None:
        """Keep the answers and end; a signal that ends the terminal does the same."""
        try:
            self.exit(finish.leave(self.draft, self.facts, self.out))
        except TunelockError as problem:
            self.problem = problem
            self.exit()

    async def action_quit(self) -> None:
        """Leave, at Ctrl-Q."""
        self.action_leave()

    def action_help_quit(self) -> None:
        """Leave, at Ctrl-C."""
        self.action_leave()
