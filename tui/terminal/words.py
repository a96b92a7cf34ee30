"""Words on a screen: the one place where text from anywhere becomes what a widget draws.

Nothing in it is markup, style or link, every character can be seen, and a line is one line.
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
    """Return a line cut to a width in cells."""
    line = escaped(line)
    return beginning(line, cells) if line and cells > 0 else ""


class Words(Static):
    """Lines of text, shown as they are."""

    def __init__(self, *lines: str, id: str | None = None) -> None:
        super().__init__(content(lines), id=id, markup=False)

    def tell(self, *lines: str, layout: bool = True) -> None:
        """Show other lines."""
        self.update(content(lines), layout=layout)


class Line(Input):
    """A line to type in, whose text is shown with a visible sign for each character that acts."""

    @property
    def _value(self) -> Text:
        return Text(masked(self.value), no_wrap=True, overflow="ignore", end="")
