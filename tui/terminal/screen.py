"""What every full screen shares: a fault of its own ends in a sentence, not in a traceback."""

import os
from typing import TypeVar

from rich.console import RenderableType
from textual.app import App
from textual.events import Resize
from textual.timer import Timer

from tui.terminal import output

Result = TypeVar("Result")


_QUIET_SECONDS = 0.2
"""After the last change of the terminal's size, when the screen is painted once more."""


class Sentenced(App[Result]):
    """Ends at a fault and leaves it to whoever ran it."""

    _repaint: Timer | None = None

    def on_resize(self, event: Resize) -> None:
        """Paint everything once more when the size has settled.

        What is sent for one size while the terminal takes the next leaves remains on the screen.
        """
        if self._repaint:
            self._repaint.stop()
        self._repaint = self.set_timer(_QUIET_SECONDS, self.refresh)

    @property
    def fault(self) -> Exception | None:
        """What ended the screen before its time."""
        return self._exception

    def panic(self, *renderables: RenderableType) -> None:
        """Close without what Textual prints of an error."""
        self._fatal_error()

    def _fatal_error(self) -> None:
        """Close without the traceback that Textual prints, which shows local values."""
        if os.environ.get(output.TRACEBACK):
            super()._fatal_error()
        else:
            self._close_messages_no_wait()
