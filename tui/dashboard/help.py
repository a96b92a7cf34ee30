"""The dashboard's help: what it shows, and its keys."""

from collections.abc import Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from tui.terminal.words import Words

_TEXT = (
    "This screen only reads the run's events: if you leave it or lose",
    "the connection, the run continues.",
    "",
    "loss       line: training; o: validation. It should fall and flatten.",
    "           If validation loss rises while training loss falls, the",
    "           model is overfitting.",
    "memory     █ now, ▓ peak, ░ up to the lock's prediction",
    "left       time until the stage ends",
    "",
)


class Help(ModalScreen[None]):
    """Closed by Esc, `?` or `q`."""

    CSS = """
    Help { align: center middle; }
    Help Static { width: 74; max-width: 100%; height: auto; max-height: 100%;
                  border: round $foreground; padding: 0 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q", "dismiss", "close", id="close")
    ]

    def __init__(self, bindings: Iterable[Binding]) -> None:
        super().__init__()
        self._keys = [
            f"{binding.key_display or binding.key:<10} {binding.tooltip}" for binding in bindings
        ]

    def compose(self) -> ComposeResult:
        box = Words(*_TEXT, *self._keys)
        box.border_title = "Help"
        box.border_subtitle = "Esc close"
        yield box
