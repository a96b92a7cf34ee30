"""The input line at the bottom, for an answer or a command."""

from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input

from tui.terminal.words import Line, Words


class EditLine(Horizontal):
    """A label and an input; the receiver of its message validates the text."""

    DEFAULT_CSS = """
    EditLine { height: 1; }
    EditLine Static { width: auto; max-width: 40%; height: 1; }
    EditLine Input { width: 1fr; background: transparent; }
    """

    @dataclass
    class Typed(Message):
        """A text was entered."""

        about: str
        """The question's key, or `:` for a command."""
        text: str
        """What was typed."""

    def __init__(self, about: str, label: str, text: str) -> None:
        super().__init__()
        self.about, self._label = about, label
        self.input = Line(text, compact=True)
        self.input.cursor_blink = False

    def compose(self) -> ComposeResult:
        yield Words(f" {self._label} > ")
        yield self.input

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.post_message(self.Typed(self.about, event.value))
