"""Lines that fit the screen, whatever script they are in."""

from collections.abc import Iterator

from rich.cells import cell_len, chop_cells


def folded(line: str, cells: int) -> Iterator[str]:
    """Yield a line in pieces that fit, broken behind a space where one is near; none is lost."""
    while len(line) > cells or cell_len(line) > cells:
        piece = chop_cells(line[:cells], cells)[0]
        space = piece.rfind(" ") + 1
        piece = piece[: space if space > len(piece) // 2 else None]
        yield piece
        line = line[len(piece) :]
    yield line
