"""`python -m tests.fuzz`: try spoiled files of every kind, and print what came of them."""

import os
import tempfile
from pathlib import Path
from typing import Any

import click

from tests.fuzz.cases import KINDS, Amount, tried
from tests.fuzz.report import table


@click.command()
@click.option("--short", is_flag=True, help="A few cases of each kind, for CI.")
@click.option("--seed", default=1, show_default=True)
@click.option("--only", multiple=True, type=click.Choice([*KINDS]))
@click.option("--count", default=0, help="Cases of each kind.  [default: the kind's own]")
@click.option("--first", default=0, help="The number of the first case.")
@click.option("--at-once", default=os.cpu_count() or 1, show_default=True)
@click.option("--keep", type=click.Path(path_type=Path), help="A folder for what failed.")
def main(only: tuple[str, ...], **amount: Any) -> None:
    """Print a table of cases and their faults; the exit code is 1 where there are any."""
    counts = []
    with tempfile.TemporaryDirectory(prefix="fuzz-") as home:
        for count in tried(Path(home), only or tuple(KINDS), Amount(**amount)):
            counts.append(count)
            click.echo(f"{count.kind}: {count.tried} in {count.seconds:.0f} s", err=True)
    click.echo("\n".join(table(counts)))
    raise SystemExit(any(count.faults for count in counts))


if __name__ == "__main__":
    main()
