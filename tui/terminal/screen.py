"""The base of every full-screen application: its errors end in a sentence, not a traceback."""

import os
from typing import TypeVar

from rich.console import RenderableType
from textual.app import App
from textual.events import Resize
from textual.timer import Timer

from tui.terminal import output

Result = TypeVar("Result")


_QUIET_SECONDS = 0.2
"""Seconds after the last change of the terminal's size until the screen is redrawn."""


class Sentenced(App[Result]):
    """Exits on an error and keeps it for the caller."""

    _repaint: Timer | None = None

    def on_resize(self, event: Resize) -> None:
        """Redraw everything when the size has settled.

        Output for one size that arrives while the terminal changes to the next leaves artifacts.
        """
        if self._repaint:
            self._repaint.stop()
        self._repaint = self.set_timer(_QUIET_SECONDS, self.refresh)

    @property
    def fault(self) -> Exception | None:
        """The error that ended the screen."""
        return self._exception

    def panic(self, *renderables: RenderableType) -> None:
        """Close without Textual's own error output."""
        self._fatal_error()

    def _fatal_error(self) -> None:
        """Close without the traceback that Textual prints, which shows local values."""
        if os.environ.get(output.TRACEBACK):
            super()._fatal_error()
        else:
            self._close_messages_no_wait()
