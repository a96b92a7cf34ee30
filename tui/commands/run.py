"""`tunelock run run.lock`: carry out a lock, here or detached, and follow it."""

import sys
from pathlib import Path

import click

from lockfiles.errors import UsageProblem
from tui import output
from tui.options import locate


@click.command(name="run")
@click.argument("lock", type=click.Path(path_type=Path), default=Path("run.lock"))
@click.option(
    "--runs", type=click.Path(path_type=Path), default=Path("runs"), show_default=True,
    help="The folder that run folders stand in.",
)  # fmt: skip
@click.option("--foreground", is_flag=True, help="Stay attached: the default without a terminal.")
@click.option("--fresh", is_flag=True, help="Do again what is done.")
@click.option(
    "--allow", "allowed", multiple=True, metavar="TARGET",
    help="A Hub repository that this run may push to.",
)  # fmt: skip
@locate
@click.option("--json", "as_json", is_flag=True, help="Write events as JSON lines.")
@click.option("--plain", is_flag=True, help="Plain lines in place of the dashboard.")
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
    """Carry out LOCK (default: run.lock). The same command again goes on where it stopped.

    Started at a terminal, the run is detached and followed: leaving it, or losing the
    connection, does not end it.
    """
    from runner.supervise import Order
    from tui import carry
    from tui.watching import face_for

    if not lock.exists():
        raise UsageProblem(f"`{lock}` does not exist.", hint="tunelock plan run.toml")
    order = Order(lock, runs, located, allowed, fresh)
    if foreground or not (sys.stdin.isatty() and sys.stdout.isatty()):
        _finished(carry.here(order, "json" if as_json else "plain"), as_json)
        return
    raise SystemExit(carry.detached(order, face_for(plain=plain, as_json=as_json)))


def _finished(folder: Path, as_json: bool) -> None:
    if not as_json:
        from tui.results import lines

        output.data("\n".join(lines(folder)))
