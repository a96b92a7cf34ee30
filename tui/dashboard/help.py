"""What the dashboard shows and which keys it knows."""

from collections.abc import Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from tui.terminal.words import Words

_TEXT = (
    "This screen reads the run's events and nothing else: leaving it, or",
    "losing the connection, lets the run go on.",
    "",
    "loss       line: training; o: evaluation. It should fall and flatten.",
    "           Evaluation loss that rises while training loss falls means",
    "           the model learns the rows by heart.",
    "memory     █ now, ▓ peak, ░ up to what the lock predicted",
    "left       time to the end of the stage",
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
