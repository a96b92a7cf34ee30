"""One row of a data file, each line of it behind who says it or whether it is scored."""

from collections.abc import Iterator

from rich.cells import cell_len, chop_cells

from tui.wizard.rows import RowText

_TAB = "⇥"


def text(row: RowText, width: int) -> str:
    """Return a row in lines of at most `width` cells."""
    marks = max((len(mark) for mark, _ in row.parts), default=0)
    lines = [line for mark, said in row.parts for line in _part(f"{mark:<{marks}} │ ", said, width)]
    return "\n".join([row.head, *lines, *([row.note] if row.note else [])])


def _part(mark: str, said: str, width: int) -> Iterator[str]:
    for line in said.replace("\t", _TAB).splitlines() or [""]:
        yield from (mark + piece for piece in _folded(line, max(10, width - len(mark))))


def _folded(line: str, cells: int) -> Iterator[str]:
    """Yield a line in pieces that fit, broken behind a space where one is near; none is lost."""
    while len(line) > cells or cell_len(line) > cells:
        piece = chop_cells(line[:cells], cells)[0]
        space = piece.rfind(" ") + 1
        piece = piece[: space if space > len(piece) // 2 else None]
        yield piece
        line = line[len(piece) :]
    yield line
