"""Lines that fit the screen, in any script."""

from collections.abc import Iterator

from rich.cells import cell_len, chop_cells


def folded(line: str, cells: int) -> Iterator[str]:
    """Yield a line in pieces that fit, broken after a space if one is near; no text is lost."""
    while len(line) > cells or cell_len(line) > cells:
        piece = beginning(line[:cells], cells)
        space = piece.rfind(" ") + 1
        piece = piece[: space if space > len(piece) // 2 else None]
        yield piece
        line = line[len(piece) :]
    yield line


def beginning(line: str, cells: int) -> str:
    """Return the longest prefix of a line that fits; at least one character, however wide.

    Zero-width characters are kept with what follows them.
    """
    piece = next((piece for piece in chop_cells(line, cells) if piece), line)
    return piece if line.startswith(piece) else line[:1]
