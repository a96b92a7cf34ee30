"""`tunelock diff A B`: what differs between two locks, grouped by consequence."""

from itertools import groupby
from pathlib import Path

import click

from lockfiles import lock
from lockfiles.compare import Difference, differences, word
from tui.terminal import output

_ORDER = ("changes weights", "changes speed", "changes exports", "informational")


@click.command(name="diff")
@click.argument("a", type=click.Path(path_type=Path))
@click.argument("b", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the differences as JSON.")
def command(a: Path, b: Path, as_json: bool) -> None:
    """Compare the lock files A and B: fields that differ, both values, and the consequence."""
    found = sorted(
        differences(lock.read(a), lock.read(b)), key=lambda item: _ORDER.index(item.consequence)
    )
    if as_json:
        output.data_json([vars(difference) for difference in found])
    elif not found:
        output.data("the locks are equal")
    else:
        output.lines(_lines(found))


def _lines(found: list[Difference]) -> list[str]:
    lines: list[str] = []
    for consequence, group in groupby(found, key=lambda item: item.consequence):
        lines.append(consequence)
        lines += [f"  ~ {item.field}  {word(item.locked)} → {word(item.found)}" for item in group]
    return lines
