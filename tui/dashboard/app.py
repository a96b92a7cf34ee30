"""The dashboard: reads a run's events in a thread, and draws its snapshot."""

import asyncio
import contextlib
import signal
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event as Flag
from typing import ClassVar, Protocol

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.events import Resize
from textual.message import Message
from textual.widgets import Footer

from lockfiles.errors import TunelockError
from runner.runs.events import Event
from tui.dashboard.curve import LossCurve
from tui.dashboard.journal import Journal
from tui.dashboard.numbers import Numbers
from tui.dashboard.panel import Panel
from tui.dashboard.stages import Stages
from tui.snapshot import Snapshot, fold
from tui.snapshot.narrator import FREQUENT, clean, lines
from tui.terminal.screen import Sentenced
from tui.terminal.words import Words

REDRAW_SECONDS = 1.0
_LEAST = (60, 16)
_ROOMY_HEIGHT = 22
"""With fewer lines than this, the curve and the log do not fit together."""
_KEYS = (
    Binding("l", "journal", "log / samples", id="journal", tooltip="log or sample answers"),
    Binding("question_mark", "help", "help", key_display="?", id="help", tooltip="this help"),
    Binding("q", "leave", "leave (run continues)", id="leave", tooltip="leave; the run continues"),
)


class Source(Protocol):
    """The source of events."""

    def poll(self) -> tuple[list[Event], int | None]:
        """Return the new events, and the exit code once there will be no more."""


@dataclass
class Changed(Message):
    """The run has a new snapshot."""

    snapshot: Snapshot
    news: list[str]
    """New lines for the log."""


@dataclass
class Ended(Message):
    """The run has ended."""

    code: int


@dataclass
class Broken(Message):
    """The events cannot be read."""

    problem: TunelockError


class Dashboard(Sentenced[int]):
    """Returns the run's exit code, or None if the user leaves."""

    CSS_PATH = "dashboard.tcss"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        *_KEYS,
        Binding("q", "close", "close", id="close"),
        Binding("ctrl+c,ctrl+q", "quit", "leave", id="interrupt", show=False, priority=True),
    ]

    def __init__(
        self,
        source: Source,
        snapshot: Snapshot,
        *,
        wait: Callable[[Flag], object] = lambda leaving: leaving.wait(REDRAW_SECONDS),
    ) -> None:
        super().__init__(ansi_color=True)  # before the theme, since NO_COLOR's filter depends on it
        self.theme = "ansi-dark"
        self.animation_level = "none"
        self.snapshot = snapshot
        self.problem: TunelockError | None = None
        """Why the events cannot be read."""
        self._source = source
        self._wait = wait
        self._leaving = Flag()

    def compose(self) -> ComposeResult:
        yield Words(id="small")
        yield Words(self._headline(), id="headline")
        with Vertical(id="body"):
            with Horizontal(id="upper"):
                yield Stages(id="stages", title="Stages")
                yield LossCurve(id="curve", title="Loss")
            yield Numbers(id="numbers", title="Now")
            yield Journal(id="journal")
        yield Footer()

    def on_mount(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP):
            with contextlib.suppress(RuntimeError, ValueError):
                loop.add_signal_handler(number, self.exit)
        self._read()

    def on_unmount(self) -> None:
        self._leaving.set()

    @work(thread=True)
    def _read(self) -> None:
        """Poll the events until the end; only this thread reads, and it only posts messages."""
        snapshot = self.snapshot
        while not self._leaving.is_set():
            try:
                events, code = self._source.poll()
            except TunelockError as problem:
                self.post_message(Broken(problem))
                return
            news: list[str] = []
            for event in events:
                snapshot = fold(snapshot, [event])
                news += lines(event, snapshot) if event.kind not in FREQUENT else []
            if events:
                self.post_message(Changed(snapshot, news))
            if code is not None:
                self.post_message(Ended(code))
                return
            self._wait(self._leaving)

    def on_changed(self, message: Changed) -> None:
        """Pass the snapshot to every panel."""
        self.snapshot = message.snapshot
        self.query_one(Journal).add(message.news)
        self.query_one("#headline", Words).set_lines(self._headline())
        for panel in self.query(Panel):
            panel.show(self.snapshot)
        self.refresh_bindings()

    def on_ended(self, message: Ended) -> None:
        """Close with the run's exit code."""
        self.exit(message.code)

    def on_broken(self, message: Broken) -> None:
        """Close, and keep the error for the caller."""
        self.problem = message.problem
        self.exit()

    def on_resize(self, event: Resize) -> None:
        """Show a message if the terminal is too small."""
        width, height = event.size
        self.set_class(width < _LEAST[0] or height < _LEAST[1], "-small")
        self.set_class(height < _ROOMY_HEIGHT, "-low")
        need = f"{_LEAST[0]} by {_LEAST[1]}"
        self.query_one("#small", Words).set_lines(
            f"This terminal is {width} by {height}; the dashboard needs {need}. "
            "Enlarge it, or press q to leave (the run continues)."
        )

    def action_journal(self) -> None:
        """Switch between log and samples; on a short terminal they replace the curve."""
        journal = self.query_one(Journal)
        if self.has_class("-low") and not self.has_class("-journal"):
            self.add_class("-journal")
            return
        journal.toggle()
        self.set_class(journal.samples_shown, "-journal")

    def action_help(self) -> None:
        """Show the help."""
        from tui.dashboard.help import Help

        self.push_screen(Help(_KEYS))

    def action_leave(self) -> None:
        """Close; the run continues."""
        self.exit()

    def action_close(self) -> None:
        """Close after the run has ended."""
        self.exit()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer to leave a run that continues, and to close one that has ended."""
        if action == "close":
            return self.snapshot.finished
        own_key = action == "leave" and self.snapshot.finished
        return not own_key and super().check_action(action, parameters)

    def _headline(self) -> str:
        state = "waiting"
        if self.snapshot.failure is not None:
            state = self.snapshot.failure.state
        elif self.snapshot.finished:
            state = "done"
        elif self.snapshot.stage:
            word = "running" if self.snapshot.stalled_seconds is None else "stalled"
            state = f"{word} · {clean(self.snapshot.stage, 20)}"
        return f" tunelock · {clean(self.snapshot.name, 40)} · {state}"
