"""`tunelock stop RUN`: ask a run to leave a checkpoint and end at the next step."""

import os
import shlex
import signal
from pathlib import Path

import click

from lockfiles.errors import UsageProblem
from tui import output


@click.command(name="stop")
@click.argument("run", type=click.Path(path_type=Path))
def command(run: Path) -> None:
    """Stop the run in the folder RUN at its next step; `tunelock run` goes on from there."""
    from runner.folder import holder, holder_alive

    number = holder(run)
    if number is None or not holder_alive(run):
        raise UsageProblem(f"No run is going on in `{run}`.", hint="tunelock status")
    os.kill(number, signal.SIGTERM)
    again = f"tunelock watch {shlex.quote(str(run))}"
    output.note(f"asked {run.name} to stop at its next step; `{again}` shows it")
