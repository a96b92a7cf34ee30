"""What every full screen shares: a fault of its own ends in a sentence, not in a traceback."""

import os
from typing import TypeVar

from rich.console import RenderableType
from textual.app import App

from tui import output

Result = TypeVar("Result")


class Sentenced(App[Result]):
    """Ends at a fault and leaves it to whoever ran it."""

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
