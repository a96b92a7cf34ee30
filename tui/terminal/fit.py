"""Lines that fit a terminal: the least important part is left out, and sentences are wrapped."""

import os
from collections.abc import Iterable, Sequence
from typing import TextIO

from tui.terminal.wrap import wrapped


def columns_of(stream: TextIO) -> int | None:
    """Return the columns of the terminal that a stream writes to; None if it is not a terminal."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError):  # also a stream without a descriptor, or a closed one
        return None


def less(columns: int | None, *before: str) -> int | None:
    """Return the columns that are left after some text."""
    return None if columns is None else max(0, columns - sum(map(_cells, before)))


def fits(line: str, columns: int | None) -> bool:
    """Return whether a line fits; all lines fit without a terminal."""
    return columns is None or _cells(line) <= columns


def first_fitting(forms: Iterable[str], columns: int | None) -> str:
    """Return the first form of a line that fits, or the last one."""
    form = ""
    for form in forms:
        if fits(form, columns):
            break
    return form


def left_out(parts: Sequence[str], order: Iterable[int]) -> Iterable[str]:
    """Yield the forms of a line: all of its parts, then without those at the positions of `order`,
    one after the other. Empty parts are left out."""
    kept = list(parts)
    yield "  ".join(filter(None, kept))
    for place in order:
        kept[place] = ""
        yield "  ".join(filter(None, kept))


def named(name: str, parts: Sequence[str], columns: int | None) -> list[str]:
    """Return a line of a name and what is said about it, of which the last part is left out if it
    does not fit; after a name that leaves no room it is on a line of its own."""
    line = first_fitting(left_out([name, *parts], [len(parts)]), columns)
    return [line] if fits(line, columns) else [name, f"    {'  '.join(parts)}"]


def sentence(line: str, columns: int | None) -> list[str]:
    """Return a line wrapped between its words; unchanged if it fits, or if a word does not."""
    if columns is None or fits(line, columns) or not all(fits(w, columns) for w in line.split()):
        return [line]
    return wrapped(line, columns, least=2)


def call(line: str, columns: int | None) -> list[str]:
    """Return a line that ends with a call of Python, with the arguments on a second line if it does
    not fit: copied, it is still that call."""
    head, bracket, arguments = line.partition("(")
    if fits(line, columns) or not bracket:
        return [line]
    return [head + bracket, f"    {arguments}"]


def shell(line: str, columns: int | None) -> list[str]:
    """Return a line that ends with a command, continued before its first option if it does not fit:
    copied, it is still that command."""
    head, option, rest = line.partition(" -")
    if fits(line, columns) or not option or "'" in head:
        return [line]
    return [f"{head} \\", f"    -{rest}"]


def _cells(text: str) -> int:
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # most lines need none

    return cell_len(text)
