"""Text on a screen: the only place where untrusted text becomes the content of a widget.

It has no markup, style or link, every character is visible, and a line stays one line.
"""

from collections.abc import Iterable

from rich.text import Text
from textual.content import Content
from textual.widgets import Input, Static

from lockfiles.harmless import escaped, joined, masked
from tui.terminal.cells import beginning


def content(lines: Iterable[str]) -> Content:
    """Return lines as content without markup."""
    return Content(joined(lines))


def fitting(line: str, cells: int) -> str:
    """Return a line truncated to a width in cells."""
    line = escaped(line)
    return beginning(line, cells) if line and cells > 0 else ""


class Words(Static):
    """Lines of text without markup."""

    def __init__(self, *lines: str, id: str | None = None) -> None:
        super().__init__(content(lines), id=id, markup=False)

    def set_lines(self, *lines: str, layout: bool = True) -> None:
        """Show other lines."""
        self.update(content(lines), layout=layout)


class Line(Input):
    """A text input that shows a visible sign for each control character."""

    @property
    def _value(self) -> Text:
        return Text(masked(self.value), no_wrap=True, overflow="ignore", end="")
