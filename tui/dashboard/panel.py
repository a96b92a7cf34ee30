"""A box whose text is a function of the snapshot and of its own size."""

from textual.content import Content
from textual.widget import Widget

from tui.snapshot import Snapshot, empty
from tui.terminal.words import content, fitting


class Panel(Widget):
    """Draws `lines`, again only if they have changed."""

    def __init__(self, *, id: str, title: str) -> None:
        super().__init__(id=id)
        self.border_title = title
        self.snapshot = empty("")
        self._shown: list[str] = []

    def lines(self, snapshot: Snapshot, width: int, height: int) -> list[str]:
        """Return the lines; text beyond `width` and `height` is cut off."""
        raise NotImplementedError

    def show(self, snapshot: Snapshot) -> None:
        """Take a newer snapshot."""
        self.snapshot = snapshot
        if self._lines() != self._shown:
            self.refresh()

    def render(self) -> Content:
        """Draw what fits."""
        self._shown = self._lines()
        return content(self._shown)

    def _lines(self) -> list[str]:
        width, height = self.content_size
        return [fitting(line, width) for line in self.lines(self.snapshot, width, height)[:height]]
