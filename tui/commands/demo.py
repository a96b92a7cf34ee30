"""`tunelock demo`: the full pipeline on a small built-in model and real rows, on any CPU."""

import shlex
import sys
from pathlib import Path

import click

from tui.terminal import output
from tui.terminal.fit import columns_of


@click.command(name="demo")
@click.option(
    "--into", type=click.Path(path_type=Path), default=Path("tunelock-demo"), show_default=True,
    help="The folder to create.",
)  # fmt: skip
@click.option("--files-only", is_flag=True, help="Write model, rows and run.toml, and stop.")
@click.option("--fresh", is_flag=True, help="Start over: run finished stages again.")
def command(into: Path, files_only: bool, fresh: bool) -> None:
    """Fine-tune a small built-in model on real rows, in minutes and offline.

    Plans, trains, evaluates, merges, exports a GGUF file, and shows answers of the model. If it is
    stopped, run the same command again to resume.
    """
    from runner.demo import files

    intent = files.write(into)
    if files_only:
        output.data(str(intent))
        output.note(
            f"next: cd {shlex.quote(str(into))} && tunelock plan && tunelock run --foreground"
        )
        return
    from runner.supervisor.supervise import Order
    from tui.commands.shared import start
    from tui.session import planning
    from tui.text import plan
    from tui.text.run import lines

    lock = planning.from_file(intent)
    target = into / "run.lock"
    planning.write(lock, target)
    output.notes(plan.page(lock))
    order = Order(target.absolute(), (into / "runs").absolute(), fresh=fresh)
    output.lines(lines(start.here(order, "plain"), columns_of(sys.stdout)))
