"""`tunelock run run.lock`: run a lock, in this process or detached, and follow it."""

import sys
from pathlib import Path

import click

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Command
from tui.commands.shared.options import locate
from tui.terminal import output


@click.command(name="run")
@click.argument("lock", type=click.Path(path_type=Path), default=Path("run.lock"))
@click.option(
    "--runs", type=click.Path(path_type=Path), default=Path("runs"), show_default=True,
    help="The folder for run folders.",
)  # fmt: skip
@click.option(
    "--foreground", is_flag=True, help="Run in this process; the default without a terminal."
)
@click.option("--fresh", is_flag=True, help="Start over: run finished stages again.")
@click.option(
    "--allow", "allowed", multiple=True, metavar="TARGET",
    help="Allow the run to push to this Hub repository, which the lock names.",
)  # fmt: skip
@locate
@click.option("--json", "as_json", is_flag=True, help="Print the events as JSON, one per line.")
@click.option("--plain", is_flag=True, help="Print plain lines instead of the dashboard.")
def command(
    lock: Path,
    runs: Path,
    foreground: bool,
    fresh: bool,
    allowed: tuple[str, ...],
    located: dict[str, Path],
    as_json: bool,
    plain: bool,
) -> None:
    """Run LOCK (default: run.lock), stage by stage, in its own folder under runs.

    To resume a run that was stopped or failed, run the same command again. When started at a
    terminal, it runs in the background and is shown here. Leaving or losing the connection does
    not end it: `tunelock watch` shows it again, and `tunelock stop` stops it.
    """
    from runner.supervisor.supervise import Order
    from tui.commands.shared import start
    from tui.follow.follow import face_for

    if not lock.exists():
        raise UsageProblem(f"`{lock}` does not exist.", fix=Command("tunelock plan run.toml"))
    order = Order(lock, runs, located, allowed, fresh)
    if foreground or not (sys.stdin.isatty() and sys.stdout.isatty()):
        _finished(start.here(order, "json" if as_json else "plain"), as_json)
        return
    raise SystemExit(start.detached(order, face_for(plain=plain, as_json=as_json)))


def _finished(folder: Path, as_json: bool) -> None:
    if not as_json:
        from tui.text.run import lines

        output.lines(lines(folder))
