"""One row of a data file, each line of it behind who says it or whether it is scored."""

from collections.abc import Iterator

from tui.wizard.cells import folded
from tui.wizard.rows import RowText

_TAB = "⇥"


def text(row: RowText, width: int) -> str:
    """Return a row in lines of at most `width` cells."""
    marks = max((len(mark) for mark, _ in row.parts), default=0)
    lines = [line for mark, said in row.parts for line in _part(f"{mark:<{marks}} │ ", said, width)]
    return "\n".join([row.head, *lines, *([row.note] if row.note else [])])


def _part(mark: str, said: str, width: int) -> Iterator[str]:
    for line in said.replace("\t", _TAB).splitlines() or [""]:
        yield from (mark + piece for piece in folded(line, max(10, width - len(mark))))
