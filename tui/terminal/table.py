"""Tables of text."""

from collections.abc import Iterable, Sequence


def table(given: Iterable[Sequence[str]], head: Sequence[str]) -> list[str]:
    """Return the lines of a table, whose cells are aligned right but for those of the first
    column."""
    rows = [head, *given]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            [row[0].ljust(widths[0])]
            + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        ).rstrip()
        for row in rows
    ]
