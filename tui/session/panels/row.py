"""One row of a data file, each line after its role or whether it is scored."""

from collections.abc import Iterator

from lockfiles.harmless import escaped, joined, one_line
from tui.session.row_request import RowText
from tui.terminal.cells import folded

_TAB = "⇥"
_MARK_CHARS = 20


def render(row: RowText, width: int) -> str:
    """Return a row in lines of at most `width` cells."""
    parts = [(one_line(mark, most=_MARK_CHARS), said) for mark, said in row.parts]
    marks = max((len(mark) for mark, _ in parts), default=0)
    lines = [line for mark, said in parts for line in _part(f"{mark:<{marks}} │ ", said, width)]
    return joined([row.head, *lines, *(row.note.split("\n") if row.note else [])])


def _part(mark: str, said: str, width: int) -> Iterator[str]:
    for line in said.replace("\t", _TAB).removesuffix("\n").split("\n"):
        yield from (mark + piece for piece in folded(escaped(line), max(10, width - len(mark))))
