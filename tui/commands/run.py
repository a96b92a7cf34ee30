"""`tunelock run run.lock`: run a lock, in this process or detached, and follow it."""

import os
import sys
from contextlib import suppress
from pathlib import Path

import click

from lockfiles.errors import UsageProblem
from lockfiles.fixes import Command
from tui.commands.shared import options
from tui.terminal import output


@click.command(name="run")
@options.lock
@click.option(
    "--runs", type=click.Path(path_type=Path), default=Path("runs"), show_default=True,
    help="The folder for run folders.",
)  # fmt: skip
@click.option(
    "--foreground",
    is_flag=True,
    help="Run in this process, which stops if the terminal closes; the default without a terminal.",
)
@click.option("--fresh", is_flag=True, help="Start over: run finished stages again.")
@click.option(
    "--continue-from", type=click.Path(path_type=Path), metavar="RUN_FOLDER",
    help="Continue the training of another run from its last checkpoint.",
)  # fmt: skip
@click.option(
    "--allow", "allowed", multiple=True, metavar="TARGET",
    help="Allow the run to push to this Hub repository, which the lock names.",
)  # fmt: skip
@click.option(
    "--node", type=int, metavar="NUMBER",
    help="With several machines: which one this is, from 0. On Slurm, the task's number.",
)  # fmt: skip
@click.option(
    "--rendezvous", metavar="HOST:PORT",
    help="With several machines: where machine 0 can be reached, on a free port.",
)  # fmt: skip
@options.locate
@click.option("--json", "as_json", is_flag=True, help="Print the events as JSON, one per line.")
@click.option("--plain", is_flag=True, help="Print plain lines instead of the dashboard.")
def command(
    lock: Path,
    runs: Path,
    foreground: bool,
    fresh: bool,
    continue_from: Path | None,
    allowed: tuple[str, ...],
    node: int | None,
    rendezvous: str | None,
    located: dict[str, Path],
    as_json: bool,
    plain: bool,
) -> None:
    """Run LOCK (default: run.lock), stage by stage, in its own folder under runs.

    To resume a run that was stopped or failed, run the same command again. When started at a
    terminal, it runs in the background and is shown here. Leaving or losing the connection does
    not end it: `tunelock watch` shows it again, and `tunelock stop` stops it.

    With `--continue-from`, training starts with the last checkpoint of another run: of the same
    training on another number of cards, say. That run's folder is not changed.

    If the lock is for several machines, run the same command on each of them, with a folder of
    runs that all of them share: `tunelock launch` writes what does this on a cluster.
    """
    from lockfiles import lock as locks
    from lockfiles.lock import TrainingLock
    from runner.nodes.node import node_of
    from runner.supervisor.supervise import Order
    from tui.commands.shared import start
    from tui.follow.follow import face_for

    try:
        if not lock.exists():
            raise UsageProblem(f"`{lock}` does not exist.", fix=Command("tunelock plan run.toml"))
        wanted = locks.read(lock)
    except UsageProblem as problem:
        _told(node, rendezvous, problem)
        raise
    count = wanted.parallel.nodes if isinstance(wanted, TrainingLock) else 1
    own = node_of(count, node, rendezvous, os.environ)
    order = Order(lock, runs, located, allowed, fresh, node=own, continue_from=continue_from)
    if own and own.rank:
        from runner.supervisor.other import follow

        follow(order, own, output.note)
        return
    if own or foreground or not (sys.stdin.isatty() and sys.stdout.isatty()):
        _finished(start.here(order, "json" if as_json else "plain"), as_json)
        return
    raise SystemExit(start.detached(order, face_for(plain=plain, as_json=as_json)))


def _told(rank: int | None, rendezvous: str | None, problem: UsageProblem) -> None:
    """Let machine 0 know that this machine has no lock, if this is another machine of several."""
    from runner.nodes.node import MOST_NODES, node_of

    with suppress(UsageProblem):
        own = node_of(MOST_NODES, rank, rendezvous, os.environ)
        if own and own.rank:
            from runner.nodes import absence

            absence.once(own, "", problem)


def _finished(folder: Path, as_json: bool) -> None:
    if not as_json:
        from tui.terminal.fit import columns_of
        from tui.text.run import lines

        output.lines(lines(folder, columns_of(sys.stdout)))
