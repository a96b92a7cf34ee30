"""Scrolling lines of text: only those that change are sent to the terminal."""

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from lockfiles.harmless import escaped

Line = tuple[str, str]
"""A line, and its Rich style."""


def _harmless(lines: Sequence[Line]) -> list[Line]:
    return [(escaped(text), style) for text, style in lines]


class Lined(ScrollView, can_focus=False):
    """Shows lines in the available height."""

    DEFAULT_CSS = """
    Lined {
        height: 1fr; overflow-x: hidden; scrollbar-size-vertical: 1;
        scrollbar-color: ansi_default; scrollbar-background: ansi_default;
    }
    """
    _grows = False

    def __init__(self, lines: Sequence[Line] = (), *, id: str) -> None:
        super().__init__(id=id)
        self._lines = _harmless(lines)
        self.virtual_size = Size(1, len(lines))

    def show(self, lines: Sequence[Line]) -> None:
        """Replace the lines."""
        lines = _harmless(lines)
        before, self._lines = self._lines, lines
        if len(before) != len(lines):
            self.virtual_size = Size(1, len(lines))
            self.refresh(layout=self._grows)
            return
        for place, (old, new) in enumerate(zip(before, lines, strict=True)):
            if old != new:
                self.refresh_line(place)

    def render_line(self, y: int) -> Strip:
        """Return the visible line `y`."""
        place = y + self.scroll_offset.y
        text, style = self._lines[place] if place < len(self._lines) else ("", "")
        strip = Strip([Segment(text, self.rich_style + Style.parse(style))])
        return strip.adjust_cell_length(self.size.width, self.rich_style)


class Rows(Lined):
    """Grows with its lines up to a share of the page, and keeps the cursor visible."""

    DEFAULT_CSS = """
    Rows { height: auto; max-height: 60%; }
    """
    _grows = True

    def follow(self, cursor: int) -> None:
        """Scroll until the line under the cursor is visible."""
        top, height = self.scroll_offset.y, self.size.height
        if cursor < top:
            self.scroll_to(y=cursor, animate=False)
        elif height and cursor >= top + height:
            self.scroll_to(y=cursor - height + 1, animate=False)
