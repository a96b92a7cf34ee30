"""Text in lines that fit the terminal, broken between words."""

import re
import shutil
import textwrap

_WIDEST = 100
"""Columns above which lines of text are hard to read."""
_ENDLESS = 1 << 20


def folded(text: str) -> str:
    """Return text wrapped to the terminal's width, or as it is where there is no terminal."""
    columns = shutil.get_terminal_size((_ENDLESS, 24)).columns
    return text if columns == _ENDLESS else wrapped(text, min(columns, _WIDEST) - 1)


def wrapped(text: str, width: int) -> str:
    """Return text wrapped to a width, what follows indented below where its line began."""
    found: list[str] = []
    for line in text.splitlines():
        start = re.match(r"\s*([+-] |\S+ {2,}|)", line)
        assert start
        follows = start.end() if start[1] or not start.end() else start.end() + 2
        indent = " " * follows
        wide = max(width, len(indent) + 10)
        found += textwrap.wrap(line, wide, subsequent_indent=indent, break_on_hyphens=False) or [""]
    return "\n".join(found)
