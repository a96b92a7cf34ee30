"""Word wrapping to the terminal's width."""

import re
import shutil
import textwrap
from collections.abc import Iterable

from lockfiles.harmless import escaped

_WIDEST = 100
"""Maximum columns of text: longer lines are hard to read."""
_ENDLESS = 1 << 20


def folded(line: str) -> list[str]:
    """Return a line wrapped to the terminal's width, or unwrapped without a terminal."""
    columns = shutil.get_terminal_size((_ENDLESS, 24)).columns
    if columns == _ENDLESS:
        return [escaped(line)]
    return wrapped(line, min(columns, _WIDEST) - 1, least=2)


def all_folded(lines: Iterable[str]) -> list[str]:
    """Return lines wrapped to the terminal's width, each separately."""
    return [piece for line in lines for piece in folded(line)]


def wrapped(line: str, width: int, *, least: int = 0) -> list[str]:
    """Return a line wrapped to a width in cells, with continuation lines indented to its text.

    They are indented by at least `least` columns, so that they cannot be mistaken for other lines.
    Newlines in the text, which come from files, are shown as escapes.
    """
    line = escaped(line)
    start = re.match(r"\s*([+-] |\S+ {2,}|)", line)
    assert start
    follows = start.end() if start[1] or not start.end() else start.end() + 2
    indent = " " * max(follows, least)
    wide = max(width, len(indent) + 10)
    if line.isascii():
        return textwrap.wrap(line, wide, subsequent_indent=indent, break_on_hyphens=False) or [""]
    return _by_cells(line, wide, indent)


def _by_cells(line: str, wide: int, indent: str) -> list[str]:
    """Wrap a line in which a character may be two cells wide, or none."""
    from rich.cells import cell_len  # `tunelock fit` needs none for text in ASCII

    from tui.terminal import cells

    lines, current = [], ""
    for word in re.findall(r"\s+|\S+", line):
        if cell_len(current + word) <= wide:
            current += word
        elif word.isspace():
            lines.append(current)
            current = indent
        else:
            if current.strip():
                lines.append(current.rstrip())
                current = indent
            *full, rest = cells.folded(word, wide - cell_len(current))
            for piece in full:
                lines.append(current + piece)
                current = indent
            current += rest
    return [*lines, current.rstrip()] if current.strip() or not lines else lines
